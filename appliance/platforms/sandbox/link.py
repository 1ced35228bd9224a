"""The client's side of the sandbox's WebSocket: requests with replies, and events."""

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

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sandbox import wire
from appliance.platforms.trust import client_context

log = logging.getLogger(__name__)

SECONDS_BETWEEN_PINGS = 5.0
SECONDS_TO_CLOSE = 1.0

OnEvent = Callable[[wire.Interactions | wire.LegEnded], None]


class Link:
    """One connection from `open` to `close`; it is not used again afterwards."""

    def __init__(self, socket: ClientConnection, time_limit: float) -> None:
        self._socket = socket
        self._time_limit = time_limit
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[wire.Reply]] = {}
        self._lost = False

    @classmethod
    async def open(cls, url: str, time_limit: float) -> Link:
        """Connect. Raises `PlatformError` (``platform_lost``) when nobody answers."""
        trust = await asyncio.to_thread(client_context) if url.startswith("wss:") else None
        try:
            async with asyncio.timeout(time_limit):
                socket = await connect(
                    url,
                    ssl=trust,
                    max_size=wire.MAX_EVENT,
                    compression=None,
                    ping_interval=SECONDS_BETWEEN_PINGS,
                    ping_timeout=time_limit,
                    close_timeout=SECONDS_TO_CLOSE,
                    proxy=None,  # never by way of a proxy that the environment names
                )
        except ssl.SSLError as error:
            raise _lost(
                f"The certificate of {url} cannot be trusted; correct it there, or have the "
                "box believe its authority (page Certificate)."
            ) from error
        except InvalidStatus as error:
            raise _lost(
                f"What answers at {url} refuses the connection ({error.response.status_code}); "
                "look at what stands before the contact centre, or correct its address."
            ) from error
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise _lost(
                f"The sandbox contact centre at {url} does not answer; start it, "
                "or correct its address in the settings."
            ) from error
        return cls(socket, time_limit)

    async def read(self, on_event: OnEvent) -> None:
        """Take what arrives until the connection is lost; fails all pending requests then.

        A reply that nobody waits for any more is dropped, and so is anything that is not
        understood, with a line in the log.
        """
        try:
            async for data in self._socket:
                try:
                    event = wire.events.validate_json(data)
                except ValidationError as error:
                    log.warning("the sandbox sent something unknown: %s", error.errors()[0]["msg"])
                    continue
                if isinstance(event, wire.Reply):
                    self._settle(event)
                else:
                    on_event(event)
        except ConnectionClosed:
            log.debug("the connection to the sandbox broke")
        finally:
            self._lost = True
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(_lost(_BROKEN))
            self._pending.clear()

    async def request(self, op: str, **fields: Any) -> dict[str, Any]:
        """Ask and wait for the result. Raises `PlatformError`: refused, late, or lost."""
        if self._lost:
            raise _lost(_BROKEN)
        number = next(self._numbers)
        future: asyncio.Future[wire.Reply] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            async with asyncio.timeout(self._time_limit):
                await self._socket.send(json.dumps({"id": number, "op": op, **fields}))
                reply = await future
        except ConnectionClosed as error:
            raise _lost(_BROKEN) from error
        except TimeoutError as error:
            raise PlatformError(
                f"The sandbox contact centre did not reply in {self._time_limit:g} s; try again.",
                code=EndReason.PLATFORM_LOST,
            ) from error
        finally:
            self._pending.pop(number, None)
            if future.done() and not future.cancelled():
                future.exception()  # retrieved, also when the sending failed first
        if not reply.ok:
            detail = reply.detail or "The sandbox refused without a reason."
            raise PlatformError(detail, code=reply.code or EndReason.FAILED)
        return reply.result

    async def close(self) -> None:
        """Close politely, within a second."""
        await self._socket.close()

    def _settle(self, reply: wire.Reply) -> None:
        future = self._pending.get(reply.id) if reply.id is not None else None
        if future is not None and not future.done():
            future.set_result(reply)


_BROKEN = "The connection to the sandbox contact centre is lost; it is being made again."


def _lost(detail: str) -> PlatformError:
    return PlatformError(detail, code=EndReason.PLATFORM_LOST)
