"""The voice gateway: JSON texts over a WebSocket, heart-beats of one newline, re-attaching.

[I] A call survives the loss of its signalling for some seconds. [?] What a re-attaching ``invite``
is answered with: here ``answer`` without a description when the call is there still, ``hangup``
when not. [?] What ``register`` without a valid token brings.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from tests.platforms.cxengage.standin.tenant import Tenant, User

router = APIRouter()
VERSION = "1.6"


async def _nothing(*_: str) -> None:
    """Until the engine is there."""


class Gateway:
    """All voice connections."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.sockets: dict[str, WebSocket] = {}
        """Registered connections by user id."""
        self.calls: dict[str, User] = {}
        """Whose call it is, by callsid."""
        self.received: list[dict[str, Any]] = []
        self.connections = 0
        self.mute_beats = False
        self.on_answer: Callable[[str, str], Awaitable[None]] = _nothing
        self.on_hangup: Callable[[str], Awaitable[None]] = _nothing
        self._jobs: set[asyncio.Task[None]] = set()

    async def invite(self, user: User, callsid: str, sdp: str) -> None:
        """Ring the user's client."""
        self.calls[callsid] = user
        parameters = {"CallSid": callsid, "Params": "", "From": "+15550199"}
        payload = {"callsid": callsid, "sdp": sdp, "parameters": parameters}
        await self.tell(user, "invite", {**payload, "reconnect": f"re-{callsid}"})

    async def tell(self, user: User, kind: str, payload: dict[str, Any]) -> None:
        """Send to the user's registered connection, if there is one."""
        if (socket := self.sockets.get(user.id)) is not None:
            await self.send(socket, kind, payload)

    async def send(self, socket: WebSocket, kind: str, payload: dict[str, Any]) -> None:
        """Send one message; a closed connection takes nothing."""
        text = json.dumps({"type": kind, "version": VERSION, "payload": payload})
        try:
            await socket.send_text(text)
        except (RuntimeError, WebSocketDisconnect):
            return

    async def cancel(self, user: User, callsid: str) -> None:
        """Give up before the answer."""
        await self.tell(user, "cancel", {"callsid": callsid})

    async def hang_up(self, user: User, callsid: str) -> None:
        """End the call."""
        await self.tell(user, "hangup", {"callsid": callsid})

    def forget(self, callsid: str) -> None:
        """The call is over."""
        self.calls.pop(callsid, None)

    async def drop(self, user_id: str) -> None:
        """Lose the connection."""
        if (socket := self.sockets.pop(user_id, None)) is not None:
            await socket.close(1012)

    def lost(self, user: User) -> None:
        """Hang up what is not re-attached in time."""
        waiting = [callsid for callsid, owner in self.calls.items() if owner is user]

        async def give_up() -> None:
            await asyncio.sleep(self.tenant.settings.reattach)
            if user.id not in self.sockets:
                for callsid in waiting:
                    self.forget(callsid)
                    await self.on_hangup(callsid)

        if waiting:
            task = asyncio.create_task(give_up())
            self._jobs.add(task)
            task.add_done_callback(self._jobs.discard)

    async def heard(self, socket: WebSocket, user: User | None, message: Any) -> User | None:
        """One message; the user that the connection belongs to from then on."""
        payload = message.get("payload") or {}
        callsid = str(payload.get("callsid", ""))
        match message.get("type"):
            case "listen":
                return await self._listen(socket, str(payload.get("token")))
            case "register" if user is not None:
                if payload.get("media", {}).get("audio"):
                    self.sockets[user.id] = socket
                    await self.send(socket, "ready", {})
                elif self.sockets.get(user.id) is socket:
                    del self.sockets[user.id]
            case "answer" if self.calls.get(callsid) is user:
                await self.on_answer(callsid, str(payload.get("sdp")))
            case "hangup" | "reject" if self.calls.get(callsid) is user:
                self.forget(callsid)
                await self.on_hangup(callsid)
            case "invite":
                known = self.calls.get(callsid) is user
                known = known and payload.get("reconnect") == f"re-{callsid}"
                kind = "answer" if known else "hangup"
                await self.send(socket, kind, {"callsid": callsid})
        return user

    async def _listen(self, socket: WebSocket, token: str) -> User | None:
        for user in [] if self.tenant.faults.voice_refuses else self.tenant.users.values():
            until = user.voice_tokens.get(token)
            if until is None:
                continue
            if until < time.monotonic():
                error = {"code": 31205, "message": "JWT token expired"}
                await self.send(socket, "error", {"error": error})
                return None
            payload = {
                "region": "gll",
                "edge": "roaming",
                "home": "us1",
                "gateway": uuid.uuid4().hex,
                "token": {"identity": user.id, "ttl": round(until - time.monotonic())},
            }
            await self.send(socket, "connected", payload)
            return user
        error = {"code": 31204, "message": "JWT token invalid"}
        await self.send(socket, "error", {"error": error})
        return None


async def _beat(gateway: Gateway, socket: WebSocket) -> None:
    while True:
        await asyncio.sleep(gateway.tenant.settings.gateway_beat)
        if not gateway.mute_beats:
            await socket.send_text("\n")


@router.websocket("/signal")
async def signal(socket: WebSocket) -> None:
    gateway: Gateway = socket.app.state.gateway
    await socket.accept()
    gateway.connections += 1
    beating = asyncio.create_task(_beat(gateway, socket))
    user: User | None = None
    try:
        while True:
            text = await socket.receive_text()
            if text == "\n":
                gateway.received.append({"type": "beat"})
                continue
            message = json.loads(text)
            gateway.received.append(message)
            user = await gateway.heard(socket, user, message)
    except (WebSocketDisconnect, RuntimeError):
        return
    finally:
        beating.cancel()
        if user is not None:
            if gateway.sockets.get(user.id) is socket:
                del gateway.sockets[user.id]
            gateway.lost(user)
