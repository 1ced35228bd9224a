"""One client's WebSocket: what it may do, and what it is sent, in order and within bounds."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections import deque
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from appliance.control_link.words import EndReason
from appliance.platforms.sandbox import wire
from appliance.platforms.sandbox.centre.admin import Admin
from appliance.platforms.sandbox.centre.call import Call
from appliance.platforms.sandbox.centre.exchange import Exchange
from appliance.platforms.sandbox.centre.refusal import RefusedError
from appliance.platforms.sandbox.centre.requests import AdminRequest
from appliance.platforms.sandbox.centre.settings import CentreSettings

log = logging.getLogger(__name__)

SECONDS_FOR_HELLO = 5.0
SECONDS_TO_SEND = 10.0
MOST_WAITING = 1000
MOST_CHANGED = 20_000
MOST_REQUESTS = 32
"""Requests of one connection in progress at once."""

POLICY_VIOLATION = 1008
TRY_AGAIN = 1013

_request: TypeAdapter[wire.SupervisorRequest | AdminRequest] = TypeAdapter(
    Annotated[wire.SupervisorRequest | AdminRequest, Field(discriminator="op")]
)
Supervisor = (
    wire.Hello | wire.Subscribe | wire.Monitor | wire.SetAudience | wire.Leave | wire.Resume
)


class Connection:
    """Requests run at once, up to a bound; replies and events leave through one writer.

    A client that reads too slowly for its bounds is disconnected and starts from a snapshot.
    """

    def __init__(
        self, socket: ServerConnection, settings: CentreSettings, exchange: Exchange, admin: Admin
    ) -> None:
        self._socket = socket
        self._settings = settings
        self._exchange = exchange
        self._admin = admin
        self._greeted = False
        self._is_admin = False
        self._subscribed = False
        self._first: deque[str] = deque()
        self._changed: dict[str, Call] = {}
        self._snapshot_left = 0
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the client goes. Its legs stay for the grace time."""
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write())
                await self._read(group)
                for task in (writer, *self._running):
                    task.cancel()
        finally:
            self._exchange.legs.orphan(self)

    def call_changed(self, call: Call) -> None:
        """Send the call as it is when its turn comes; many changes become one."""
        if not self._subscribed:
            return
        self._changed[call.id] = call
        self._woken(len(self._changed) > MOST_CHANGED)

    def leg_ended(self, handle: str, reason: EndReason) -> None:
        """Send the end of a leg, before anything else that waits."""
        self._put(wire.LegEnded(handle=handle, reason=reason))

    def _put(self, message: wire.Reply | wire.LegEnded) -> None:
        self._first.append(message.model_dump_json())
        self._woken(len(self._first) > MOST_WAITING)

    def _woken(self, too_much: bool) -> None:
        if too_much:
            self._socket.transport.abort()
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._first or self._changed:
                text = self._first.popleft() if self._first else self._page()
                try:
                    async with asyncio.timeout(SECONDS_TO_SEND):
                        await self._socket.send(text)
                except ConnectionClosed:
                    return
                except TimeoutError:
                    self._socket.transport.abort()
                    return
                await asyncio.sleep(0)

    def _page(self) -> str:
        """The next changed calls; those of the snapshot come first, as they were put first."""
        most = min(wire.PAGE, self._snapshot_left or wire.PAGE)
        ids = [key for key, _ in zip(self._changed, range(most), strict=False)]
        items = tuple(self._changed.pop(key).interaction() for key in ids)
        if not self._snapshot_left:
            return wire.Interactions(items=items).model_dump_json()
        self._snapshot_left -= len(items)
        part = wire.Interactions(part="more" if self._snapshot_left else "last", items=items)
        return part.model_dump_json()

    async def _read(self, group: asyncio.TaskGroup) -> None:
        watch = asyncio.get_running_loop().call_later(SECONDS_FOR_HELLO, self._ungreeted)
        try:
            async for data in self._socket:
                request = self._understand(data)
                if request is None:
                    continue
                if len(self._running) >= MOST_REQUESTS:
                    self._refuse(request.id, RefusedError("busy", "Too many requests at once."))
                    continue
                task = group.create_task(self._answer(request))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        except ConnectionClosed:
            log.debug("a client's connection broke")
        finally:
            watch.cancel()

    def _ungreeted(self) -> None:
        if not self._greeted:
            self._socket.transport.abort()

    def _understand(self, data: str | bytes) -> wire.SupervisorRequest | AdminRequest | None:
        try:
            return _request.validate_json(data)
        except ValidationError as error:
            where = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(str(step) for step in where["loc"])
            detail = f"Not a request of this centre: {field}: {where['msg']}"[:300]
            self._refuse(_number(data), RefusedError("bad_request", detail))
            return None

    def _refuse(self, number: int | None, refused: RefusedError) -> None:
        self._put(wire.Reply(id=number, ok=False, code=refused.code, detail=refused.detail))

    async def _answer(self, request: wire.SupervisorRequest | AdminRequest) -> None:
        try:
            result = await self._do(request)
            if not self._is_admin and self._admin.reply_delay:
                await asyncio.sleep(self._admin.reply_delay)
            self._put(wire.Reply(id=request.id, result=result))
        except RefusedError as refused:
            self._refuse(request.id, refused)

    async def _do(self, request: wire.SupervisorRequest | AdminRequest) -> dict[str, Any]:
        if isinstance(request, wire.Hello):
            return self._greet(request)
        if not self._greeted:
            raise RefusedError("not_permitted", "Say hello with the centre's token first.")
        if isinstance(request, Supervisor):
            return await self._supervise(request)
        if not self._is_admin:
            raise RefusedError("not_permitted", "This operation needs the administrator's token.")
        return await self._admin.do(request)

    def _greet(self, hello: wire.Hello) -> dict[str, Any]:
        self._is_admin = _same(hello.token, self._settings.admin_token)
        if not self._is_admin and not _same(hello.token, self._settings.token):
            raise RefusedError("not_permitted", "The token is not this centre's.")
        if hello.tenant != self._settings.tenant:
            raise RefusedError("not_permitted", f"There is no tenant {hello.tenant} here.")
        self._greeted = True
        return {"tenant": self._settings.tenant, "administrator": self._is_admin}

    async def _supervise(self, request: Supervisor) -> dict[str, Any]:
        legs = self._exchange.legs
        match request:
            case wire.Subscribe():
                self._subscribe()
            case wire.Monitor():
                call = self._exchange.find(request.interaction)
                answer = await legs.monitor(
                    call, request.handle, request.supervisor, request.offer, self
                )
                return {"answer": answer}
            case wire.SetAudience():
                legs.set_audience(request.handle, request.audience, self)
            case wire.Leave():
                legs.end(request.handle, EndReason.HUNG_UP)
            case wire.Resume():
                if legs.resume(request.handle, self):
                    return {"resumed": True, "reason": None}
                ended = legs.ended.get(request.handle)
                return {"resumed": False, "reason": ended.reason if ended else None}
        return {}

    def _subscribe(self) -> None:
        """Begin with everything; an empty centre sends an empty last page at once."""
        self._subscribed = True
        self._changed = dict(self._exchange.calls)
        self._snapshot_left = len(self._changed)
        if not self._changed:
            self._first.append(wire.Interactions(part="last", items=()).model_dump_json())
        self._wake.set()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _number(data: str | bytes) -> int | None:
    """The number of a request that was not understood, if it has one."""
    try:
        number = json.loads(data).get("id")
    except (ValueError, AttributeError, RecursionError):
        return None
    return number if isinstance(number, int) and 0 <= number <= 2**53 else None
