"""A connection to a syslog server: UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425)."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, Protocol, cast

from appliance.platforms.trust import client_context, tls_fault
from appliance.provisioning.logs.message import MOST_IN_DATAGRAM, MOST_IN_STREAM, framed
from appliance.provisioning.logs.settings import LogForwarding
from appliance.provisioning.words import said
from appliance.service.errors import BargeboxError
from appliance.service.tasks import stop_tasks

CONNECT_LIMIT_S: Final = 10.0
SEND_LIMIT_S: Final = 10.0
CLOSE_LIMIT_S: Final = 2.0
UNANSWERED_S: Final = 20.0
"""Sent and not acknowledged for so long, the connection is lost. TCP by itself takes a quarter of
an hour to say so, and what is sent meanwhile would count as having arrived: it is less than
`proof.UNSURE_S`."""
_NAMES: Final = ThreadPoolExecutor(1, "log server name")
"""A name server that hangs holds this thread, and none of those that everybody uses."""


class LogServerError(BargeboxError):
    """The server cannot be reached, or went away."""

    code = "log_server"


class Connection(Protocol):
    """One that is open."""

    most: int
    """Octets of one message."""

    @property
    def lost(self) -> str:
        """Why it is over, in words; empty while it is not."""

    async def send(self, messages: list[bytes]) -> None:
        """Have them on their way. Raises `LogServerError`."""

    async def close(self) -> None:
        """End it."""


async def connected(settings: LogForwarding, changed: Callable[[], None]) -> Connection:
    """Open one; *changed* is called when it is lost. Raises `LogServerError`."""
    host, port = settings.at
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S):
            if settings.transport == "udp":
                loop = asyncio.get_running_loop()
                found = await _addresses(host, port, socket.SOCK_DGRAM)
                _, protocol = await loop.create_datagram_endpoint(
                    lambda: Datagrams(settings.words, changed), remote_addr=(found[0], port)
                )
                return protocol
            context = None
            if settings.transport == "tls":
                context = await asyncio.to_thread(client_context)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
            return Stream(settings.words, *await _opened(host, port, context), changed)
    except TimeoutError as error:
        words = said("The log server {server} does not answer.", server=settings.words)
        raise LogServerError(words) from error
    except (OSError, ValueError) as error:
        raise LogServerError(_why(settings, error)) from error


async def _opened(
    host: str, port: int, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """At the first of its addresses that answers."""
    found = await _addresses(host, port, socket.SOCK_STREAM)
    for left, address in zip(range(len(found) - 1, -1, -1), found, strict=True):
        try:
            # Whatever the server says is of no interest; so much is kept of it.
            reader, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=host if context else None, limit=4096
            )
        except ssl.SSLError:
            raise
        except OSError:
            if not left:
                raise
        else:
            unanswered = socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * UNANSWERED_S)
            writer.get_extra_info("socket").setsockopt(*unanswered)
            return reader, writer
    raise AssertionError


async def _addresses(host: str, port: int, kind: int) -> list[str]:
    """Of *host*, the best one first. Raises ``OSError``."""
    ask = partial(socket.getaddrinfo, host, port, type=kind)
    found = await asyncio.get_running_loop().run_in_executor(_NAMES, ask)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def _why(settings: LogForwarding, error: Exception) -> str:
    fault = tls_fault(settings.server, error)
    if fault is not None:
        return fault
    return _unreachable(settings.words, error)


def _unreachable(server: str, error: Exception) -> str:
    return said(
        "The log server {server} cannot be reached: {reason}.",
        server=server,
        reason=_reason(error),
    )


def _gone(server: str, error: Exception) -> str:
    return said(
        "The log server {server} went away: {reason}.", server=server, reason=_reason(error)
    )


def _reason(error: Exception) -> str:
    """In the system's words; asyncio puts its own in their place."""
    if isinstance(error, socket.gaierror):
        return (error.strerror or "there is no such name").lower()
    number = getattr(error, "errno", None)
    if number:
        return os.strerror(number).lower()
    return "none of its addresses answers" if isinstance(error, OSError) else str(error)


class Stream:
    """TCP, with TLS or without."""

    most = MOST_IN_STREAM

    def __init__(
        self,
        words: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        changed: Callable[[], None],
    ) -> None:
        self._words, self._reader, self._writer = words, reader, writer
        self._changed = changed
        self.lost = ""
        self._watching = asyncio.create_task(self._watch(), name="log server")

    async def send(self, messages: list[bytes]) -> None:
        """Have the system take them. Raises `LogServerError`."""
        if self.lost:
            raise LogServerError(self.lost)
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                self._writer.write(b"".join(map(framed, messages)))
                await self._writer.drain()
        except TimeoutError as error:
            words = said("The log server {server} takes no more.", server=self._words)
            raise LogServerError(words) from error
        except OSError as error:
            raise LogServerError(_gone(self._words, error)) from error

    async def close(self) -> None:
        """What the system has not taken by then is lost."""
        try:
            await stop_tasks(self._watching)
            if not self._writer.is_closing():  # Python 3.11.2 cannot abort TLS closed twice
                self._writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_LIMIT_S):
                    await self._writer.wait_closed()
        finally:  # else it stays open: cancelled for ever, or until the server takes what waits
            self._writer.transport.abort()

    async def _watch(self) -> None:
        """A server says nothing; its end of the connection is how one knows that it went away."""
        try:
            while await self._reader.read(4096):
                pass
            self.lost = said("The log server {server} closed the connection.", server=self._words)
        except OSError as error:
            self.lost = _gone(self._words, error)
        self._changed()


class Datagrams(asyncio.DatagramProtocol):
    """UDP, which tells of nothing but a port that nobody serves."""

    most = MOST_IN_DATAGRAM

    def __init__(self, words: str, changed: Callable[[], None]) -> None:
        self._words, self._changed = words, changed
        self.lost = ""
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be sent from now on."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # no subclass in 3.11

    def error_received(self, error: Exception) -> None:
        """The host said that nobody is there (ICMP), or the network is down."""
        self.lost = _unreachable(self._words, error)
        self._changed()

    async def send(self, messages: list[bytes]) -> None:
        """Send them. Raises `LogServerError` where one before was refused."""
        assert self._transport is not None
        for message in messages:
            if self.lost:
                raise LogServerError(self.lost)
            self._transport.sendto(message)
        await asyncio.sleep(0)  # what the system refuses is told by the loop

    async def close(self) -> None:
        """It is no more."""
        if self._transport is not None:
            self._transport.close()
