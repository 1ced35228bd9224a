"""The control door: what tests ask of the stand-in, as JSON, with a token of its own."""

from __future__ import annotations

import json
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tests.platforms.cxengage.standin.engine import Call, Engine
from tests.platforms.cxengage.standin.faults import Faults
from tests.platforms.cxengage.standin.media import Leg, Party
from tests.platforms.cxengage.standin.tenant import Tenant
from tests.platforms.cxengage.standin.voice import Gateway

router = APIRouter()


@router.post("/control")
async def control(request: Request) -> Response:
    state = request.app.state
    if request.headers.get("x-control-token") != state.tenant.settings.control_token:
        return JSONResponse({"error": "token"}, 403)
    asked = await request.json()
    door = Door(state.tenant, state.engine, state.gateway)
    operation = getattr(door, f"do_{asked.pop('op')}")
    return JSONResponse({"result": await operation(**asked)})


class Door:
    """One method for each operation."""

    def __init__(self, tenant: Tenant, engine: Engine, gateway: Gateway) -> None:
        self.tenant, self.engine, self.gateway = tenant, engine, gateway

    def _call(self, call: str) -> Call:
        return self.engine.calls[call]

    def _party(self, call: str, party: str) -> Party:
        room = self._call(call).room
        return room.agent if party == "agent" else room.customer

    async def do_create_call(self, agent: str, flow: str = "on") -> str:
        return self.engine.new_call(agent, flow).id

    async def do_tone(self, call: str, party: str, hz: float | None, dbfs: float = -20.0) -> None:
        mouth = self._party(call, party)
        mouth.hz, mouth.dbfs = hz, dbfs

    async def do_level(self, call: str, party: str, hz: float, seconds: float = 1.0) -> float:
        return self._party(call, party).level(hz, seconds)

    async def do_notices(self, call: str, party: str) -> list[str]:
        return self._party(call, party).notices

    async def do_end(self, call: str, by: str) -> None:
        for party in ("agent", "customer"):
            self._party(call, party).notices.append(f"ended by {by}")
        await self.engine.end(self._call(call))

    async def do_active(self, call: str) -> bool:
        return self._call(call).active

    async def do_transfer(self, call: str, to: str) -> None:
        self._call(call).agent_id = to
        for party in ("agent", "customer"):
            self._party(call, party).notices.append("transferred")

    async def do_hold(self, call: str, held: bool) -> None:
        self._call(call).room.held = held

    async def do_remove_supervisors(self, call: str) -> None:
        found = self._call(call)
        for one in self.engine.open(found):
            await self.engine.end_supervision(found, one)

    async def do_silence_supervisors(self, call: str) -> None:
        for one in self.engine.open(self._call(call)):
            one.leg.silenced = True

    async def do_ours(self) -> list[str]:
        legs = [
            f"{one.user.settings.username} on {call.id}"
            for call in self.engine.calls.values()
            for one in self.engine.open(call)
        ]
        ways = (self.gateway, self.engine.trunk)
        voice = [f"voice call {callsid}" for way in ways if way for callsid in way.calls]
        return legs + voice + [f"unacknowledged {a}" for a in self.engine.unacknowledged()]

    async def do_listed(self, count: int) -> None:
        self.engine.listed = count

    async def do_faults(self, faults: dict[str, Any]) -> None:
        self.tenant.faults = Faults.model_validate(faults)

    async def do_user(
        self, user: str, permissions: list[str] | None = None, extension: Any = "as it is"
    ) -> None:
        found = self.tenant.users[user]
        if permissions is not None:
            found.permissions = permissions
        if extension != "as it is":
            found.extension = extension

    async def do_push(self, user: str, message: Any) -> None:
        body = message if isinstance(message, str) else json.dumps(message)
        self.tenant.users[user].queue.put(body)

    async def do_clear_queue(self, user: str) -> None:
        self.tenant.users[user].queue.messages.clear()

    async def do_stray_call(self, user: str) -> int:
        """Call the user's SIP address out of the blue: the status of the answer."""
        assert self.engine.trunk is not None
        leg = Leg()
        try:
            offer = await leg.offer(gateway=False, mid=True)
            return await self.engine.trunk.stray(self.tenant.users[user], offer)
        finally:
            await leg.close()

    async def do_trunk_ready(self) -> bool:
        """Whether SIP addresses can be called."""
        return self.engine.trunk is not None and self.engine.trunk.ready

    async def do_secrets(self) -> list[str]:
        """Everything that was given out and must be told to nobody."""
        found = list(self.tenant.tokens)
        for user in self._users():
            found += user.voice_tokens
            for one in user.sqs_credentials:
                found += [one["secretKey"], one["sessionToken"]]
        return found

    async def do_forgive(self, action: str) -> None:
        """An acknowledgement that a test held back itself."""
        self.engine.owed.pop(action)

    async def do_expire(self, what: str) -> None:
        """``tokens``, ``sqs``, ``voice`` or ``sessions``, all of them at once."""
        past = time.monotonic() - 1
        if what == "tokens":
            self.tenant.tokens.clear()
        for user in self.tenant.users.values():
            if what == "sqs":
                for credentials in user.sqs_credentials:
                    credentials["until"] = past
            elif what == "voice":
                user.voice_tokens = dict.fromkeys(user.voice_tokens, past)
            elif what == "sessions" and user.session:
                user.session.beat_at = float("-inf")

    async def do_drop_voice(self, user: str) -> None:
        await self.gateway.drop(user)

    async def do_voice_beats(self, on: bool) -> None:
        self.gateway.mute_beats = not on

    async def do_voice_send(self, user: str, text: str) -> None:
        await self.gateway.sockets[user].send_text(text)

    async def do_voice_flood(self, user: str, size: int, count: int) -> None:
        """*count* messages that mean nothing, each of *size* characters."""
        for _ in range(count):
            await self.gateway.sockets[user].send_text("x" * size)

    async def do_voice_tell(self, user: str, kind: str, payload: dict[str, Any]) -> None:
        await self.gateway.tell(self.tenant.users[user], kind, payload)

    async def do_seen(self) -> dict[str, Any]:
        """What arrived, for tests to look at."""
        return {
            "requests": self.tenant.requests,
            "queue_refusals": self.tenant.queue_refusals,
            "voice": self.gateway.received,
            "connections": self.gateway.connections,
            "registered": list(self.gateway.sockets),
            "acknowledged": self.engine.acknowledged,
            "unacknowledged": self.engine.unacknowledged(0.5),
            "queued": {u.id: [m.body for m in u.queue.messages] for u in self._users()},
            "sessions": {u.id: u.session.id if u.session else None for u in self._users()},
            "sqs_logins": {u.id: len(u.sqs_credentials) for u in self._users()},
        }

    def _users(self) -> list[Any]:
        return list(self.tenant.users.values())
