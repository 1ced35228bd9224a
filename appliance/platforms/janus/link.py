"""The client's side of Janus's WebSocket: transactions with replies, and events."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import ssl
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from appliance.control_link.words import EndReason
from appliance.platforms.janus import wire
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import PlatformError
from appliance.platforms.trust import client_context

log = logging.getLogger(__name__)

SECONDS_BETWEEN_PINGS = 5.0
SECONDS_TO_CLOSE = 1.0

OnEvent = Callable[[wire.Message], None]


class JanusRefusedError(PlatformError):
    """Janus or a plugin refused a request; *number* is its error code."""

    def __init__(self, detail: str, number: int, *, code: str = EndReason.FAILED) -> None:
        super().__init__(detail, code=code)
        self.number = number


class TlsError(PlatformError):
    """The server's certificate is not one that we trust (``platform_lost``)."""


class Link:
    """One connection from `open` to `close`; it is not used again afterwards."""

    def __init__(self, socket: ClientConnection, settings: JanusSettings) -> None:
        self._socket = socket
        self._time_limit = settings.request_timeout
        secrets = {"apisecret": settings.api_secret, "token": settings.token}
        self._secrets = {name: s.get_secret_value() for name, s in secrets.items() if s}
        self._numbers = itertools.count(1)
        self._pending: dict[str, asyncio.Future[wire.Message]] = {}
        self._lost = False
        self._complained = False

    @classmethod
    async def open(cls, settings: JanusSettings) -> Link:
        """Connect. Raises `PlatformError` (``platform_lost``) when no Janus answers."""
        url = settings.url
        trust = await asyncio.to_thread(_trust, settings)
        try:
            async with asyncio.timeout(settings.request_timeout):
                socket = await connect(
                    url,
                    subprotocols=[Subprotocol("janus-protocol")],
                    ssl=trust,
                    max_size=wire.MAX_MESSAGE,
                    compression=None,
                    ping_interval=SECONDS_BETWEEN_PINGS,
                    ping_timeout=settings.request_timeout,
                    close_timeout=SECONDS_TO_CLOSE,
                    proxy=None,  # never by way of a proxy that the environment names
                )
        except ssl.SSLError as error:
            raise TlsError(
                f"The certificate of Janus at {url} cannot be trusted; correct it there, "
                "or name its authority in tls_ca.",
                code=EndReason.PLATFORM_LOST,
            ) from error
        except InvalidStatus as error:
            raise _lost(
                f"What answers at {url} refuses the connection ({error.response.status_code}); "
                "look at what stands before Janus, or correct its address in the settings."
            ) from error
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise _lost(
                f"Janus at {url} does not answer; start it, or correct its address in the settings."
            ) from error
        return cls(socket, settings)

    async def read(self, on_event: OnEvent) -> None:
        """Take what arrives until the connection is lost; fails all pending requests then.

        A reply that nobody waits for any more is dropped; what is not understood too, with a line
        in the log the first time.
        """
        try:
            async for data in self._socket:
                try:
                    message = wire.Message.model_validate_json(data)
                except ValidationError as error:
                    self._complain(error.errors()[0]["msg"])
                    continue
                if not self._settle(message):
                    on_event(message)
        except ConnectionClosed:
            log.debug("the connection to Janus broke")
        finally:
            self._lost = True
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(_lost(_BROKEN))
            self._pending.clear()

    async def request(self, janus: str, **fields: Any) -> wire.Message:
        """Ask and wait for the result; an ``ack`` is none unless a ``keepalive`` was asked for.

        Raises `PlatformError`: refused (`JanusRefusedError`), late, or lost.
        """
        if self._lost:
            raise _lost(_BROKEN)
        transaction = f"{next(self._numbers)}" + ("k" if janus == "keepalive" else "")
        future: asyncio.Future[wire.Message] = asyncio.get_running_loop().create_future()
        self._pending[transaction] = future
        text = {"janus": janus, "transaction": transaction, **self._secrets, **fields}
        try:
            async with asyncio.timeout(self._time_limit):
                await self._socket.send(json.dumps(text))
                reply = await future
        except ConnectionClosed as error:
            raise _lost(_BROKEN) from error
        except TimeoutError as error:
            raise _lost(f"Janus did not reply in {self._time_limit:g} s; try again.") from error
        finally:
            self._pending.pop(transaction, None)
            if future.done() and not future.cancelled():
                future.exception()  # retrieved, also when the sending failed first
        return _accepted(reply)

    async def close(self) -> None:
        """Close politely, within a second."""
        await self._socket.close()

    def _settle(self, message: wire.Message) -> bool:
        """Whether it was a reply."""
        transaction = message.transaction
        if transaction is None:
            return False
        future = self._pending.get(transaction)
        final = message.janus != "ack" or transaction.endswith("k")
        if future is not None and final and not future.done():
            future.set_result(message)
        return True

    def _complain(self, detail: str) -> None:
        if not self._complained:
            self._complained = True
            log.warning("Janus sent what cannot be understood: %s", detail)


def _accepted(reply: wire.Message) -> wire.Message:
    """The reply itself. Raises `JanusRefusedError` when Janus or the plugin refused."""
    if reply.janus == "error":
        fault = reply.error or wire.Fault()
        raise JanusRefusedError(_sentence(fault.reason), fault.code)
    if reply.plugindata is not None and "error_code" in reply.plugindata.data:
        number = reply.plugindata.data["error_code"]
        reason = reply.plugindata.data.get("error")
        raise JanusRefusedError(_sentence(reason), number if isinstance(number, int) else 0)
    return reply


def _sentence(reason: object) -> str:
    words = reason if isinstance(reason, str) and reason.isprintable() else "no reason given"
    return f"Janus refused: {words[:200].rstrip(' .')}."


def _trust(settings: JanusSettings) -> ssl.SSLContext | None:
    """Raises `TlsError` for a file of certificates that cannot be read."""
    if not settings.url.startswith("wss:"):
        return None
    try:
        return client_context(settings.tls_ca)
    except (OSError, ValueError) as error:  # no file, no certificates, or no name of a file
        raise TlsError(
            f"There are no certificates to be read in {settings.tls_ca}; correct tls_ca.",
            code=EndReason.PLATFORM_LOST,
        ) from error


_BROKEN = "The connection to Janus is lost; it is being made again."


def _lost(detail: str) -> PlatformError:
    return PlatformError(detail, code=EndReason.PLATFORM_LOST)
