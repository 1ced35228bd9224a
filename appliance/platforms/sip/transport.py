"""One SIP connection over a WebSocket (RFC 7118)."""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from appliance.platforms.sip.errors import SipError, SipUntrustedError
from appliance.platforms.sip.message import MAX_MESSAGE, Message, parse
from appliance.platforms.sip.transactions import Transactions
from appliance.platforms.trust import tls_fault

log = logging.getLogger(__name__)

SECONDS_BETWEEN_PINGS = 10.0
SECONDS_TO_CLOSE = 1.0
LOST = "The SIP connection is lost; it is being made again."
TOO_LONG = "The SIP server sent a message that is too long; the connection is being made again."
OnMessage = Callable[[Message], Awaitable[None]]


class Transport:
    """One connection from `open` to `close`; it is not used again afterwards."""

    def __init__(self, socket: ClientConnection, time_limit: float, *, secured: bool) -> None:
        self._socket = socket
        self._time_limit = time_limit
        self._protocol = "WSS" if secured else "WS"
        self.transactions = Transactions()
        self.host = f"{secrets.token_hex(6)}.invalid"
        """Who we are in Via and Contact; a browser-like client has no address (RFC 7118 5)."""

    @classmethod
    async def open(cls, url: str, context: ssl.SSLContext | None, time_limit: float) -> Transport:
        """Connect. Raises `SipError` in words."""
        secured = url.startswith("wss:")
        options: dict[str, Any] = {"ssl": context} if secured else {}
        try:
            async with asyncio.timeout(time_limit):
                socket = await connect(
                    url,
                    subprotocols=[Subprotocol("sip")],
                    max_size=MAX_MESSAGE,
                    compression=None,
                    ping_interval=SECONDS_BETWEEN_PINGS,
                    ping_timeout=time_limit,
                    close_timeout=SECONDS_TO_CLOSE,
                    proxy=None,  # never by way of a proxy that the environment names
                    **options,
                )
        except InvalidStatus as error:
            raise SipError(
                f"The WebSocket for SIP at {url} is refused ({error.response.status_code}); "
                "correct its address in the settings, or have it permitted there."
            ) from error
        except (OSError, TimeoutError, ValueError, InvalidHandshake, InvalidURI) as error:
            if (fault := tls_fault(url, error)) is not None:
                raise SipUntrustedError(fault) from error
            raise SipError(
                f"The WebSocket for SIP at {url} does not answer; "
                "correct its address in the settings, or have it enabled there."
            ) from error
        return cls(socket, time_limit, secured=secured)

    async def read(self, on_request: OnMessage, on_stray: OnMessage) -> None:
        """Take what arrives, one after another, until the connection is lost.

        *on_stray* takes a response that nobody waits for. What is not SIP is dropped, with a line
        in the log the first time.
        """
        complained = False
        why = LOST
        try:
            async for data in self._socket:
                if not data.strip():
                    continue  # a keep-alive (RFC 5626 section 3.5.1)
                try:
                    message = parse(data)
                    if message.method:
                        await on_request(message)
                    elif not self.transactions.settle(message):
                        await on_stray(message)
                except SipError as error:
                    if not complained:
                        log.warning("dropped from SIP: %s", error.detail)
                    complained = True
        except ConnectionClosed as error:
            if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
                why = TOO_LONG
            log.debug("the SIP connection broke")
        finally:
            self.transactions.fail(SipError(why))
        raise SipError(why)

    def via(self) -> str:
        """A Via of a new transaction."""
        return f"SIP/2.0/{self._protocol} {self.host};branch=z9hG4bK{secrets.token_hex(10)}"

    async def send(self, message: Message) -> None:
        """Raises `SipError` when the connection is lost; one that takes nothing any more is cut."""
        text = message.build()
        try:
            async with asyncio.timeout(self._time_limit):
                await self._socket.send(text)
        except TimeoutError as error:
            self._socket.transport.abort()
            raise SipError(LOST) from error
        except ConnectionClosed as error:
            raise SipError(LOST) from error

    async def request(self, message: Message, limit_s: float = 0.0) -> Message:
        """The final response. Raises `SipError` when there is none in time."""
        transaction = self.transactions.begin(message)
        try:
            await self.send(message)
            return await transaction.response(limit_s or self._time_limit)
        finally:
            self.transactions.end(transaction)

    async def close(self) -> None:
        """Close politely, within a second."""
        await self._socket.close()
