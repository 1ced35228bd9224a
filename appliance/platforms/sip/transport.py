"""One SIP connection over a WebSocket, and the client transactions on it (RFC 3261 section 17).

The transport is reliable: nothing is sent twice (RFC 7118 section 4), and every request waits for
its final response within a limit.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import MAX_MESSAGE, Message, parse

log = logging.getLogger(__name__)

SECONDS_BETWEEN_PINGS = 10.0
SECONDS_TO_CLOSE = 1.0
LOST = "The SIP connection is lost; it is being made again."


class Transport:
    """One connection from `open` to `close`; it is not used again afterwards."""

    def __init__(self, socket: ClientConnection, time_limit: float) -> None:
        self._socket = socket
        self._time_limit = time_limit
        self._pending: dict[tuple[str, str], asyncio.Future[Message]] = {}
        self._lost = False
        self.host = f"{secrets.token_hex(6)}.invalid"
        """Who we are in Via and Contact; a browser-like client has no address (RFC 7118 5)."""

    @classmethod
    async def open(cls, url: str, context: ssl.SSLContext | None, time_limit: float) -> Transport:
        """Connect. Raises `SipError` in words."""
        options: dict[str, Any] = {"ssl": context} if url.startswith("wss:") else {}
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
        except ssl.SSLCertVerificationError as error:
            raise SipError(
                f"The certificate of {url} is not trusted ({error.verify_message}); "
                "name the site's CA file in the settings."
            ) from error
        except InvalidStatus as error:
            raise SipError(
                f"The WebSocket for SIP at {url} is refused ({error.response.status_code}); "
                "correct its address in the settings, or have it permitted there."
            ) from error
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise SipError(
                f"The WebSocket for SIP at {url} does not answer; "
                "correct its address in the settings, or have it enabled there."
            ) from error
        return cls(socket, time_limit)

    async def read(self, on_request: Callable[[Message], None]) -> None:
        """Take what arrives until the connection is lost; what is not SIP is dropped."""
        complained = False
        try:
            async for data in self._socket:
                if not data.strip():
                    continue  # a keep-alive (RFC 5626 section 3.5.1)
                try:
                    message = parse(data)
                    if message.method:
                        on_request(message)
                    else:
                        self._settle(message)
                except SipError as error:
                    if not complained:
                        log.warning("dropped from SIP: %s", error.detail)
                    complained = True
        except ConnectionClosed:
            log.debug("the SIP connection broke")
        finally:
            self._lost = True
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(SipError(LOST))
            self._pending.clear()

    def via(self) -> str:
        """A Via of a new transaction."""
        return f"SIP/2.0/WS {self.host};branch=z9hG4bK{secrets.token_hex(10)}"

    async def send(self, message: Message) -> None:
        """Raises `SipError` when the connection is lost."""
        try:
            async with asyncio.timeout(self._time_limit):
                await self._socket.send(message.build())
        except (ConnectionClosed, TimeoutError) as error:
            raise SipError(LOST) from error

    async def request(self, message: Message, limit_s: float | None = None) -> Message:
        """The final response. Raises `SipError` when there is none in time."""
        if self._lost:
            raise SipError(LOST)
        key = (message.branch, message.method)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[key] = future
        try:
            async with asyncio.timeout(limit_s or self._time_limit):
                await self.send(message)
                return await future
        except TimeoutError as error:
            raise SipError(f"The SIP server did not answer a {message.method} in time.") from error
        finally:
            self._pending.pop(key, None)
            if future.done() and not future.cancelled():
                future.exception()  # retrieved, also when the sending failed first

    async def close(self) -> None:
        """Close politely, within a second."""
        await self._socket.close()

    def _settle(self, response: Message) -> None:
        """By branch and method: a CANCEL has its INVITE's branch (RFC 3261 section 9.1)."""
        future = self._pending.get((response.branch, response.cseq[1]))
        if future is not None and not future.done() and response.status >= 200:
            future.set_result(response)
