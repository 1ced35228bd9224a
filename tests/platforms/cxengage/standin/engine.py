"""Interactions and their interrupts: who monitors, who is heard, and what is told to whom.

[I] A monitoring leg is muted until ``unmute-resource``; monitoring goes on through a transfer; a
held call stays on the list. [?] What a flow without silent monitoring answers: here a 400 with a
speaking code, or, by fault, 200 and nothing else. [?] The statuses of other refusals.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.platforms.cxengage.standin.media import Leg, Room
from tests.platforms.cxengage.standin.tenant import Tenant, User
from tests.platforms.cxengage.standin.trunk import Trunk
from tests.platforms.cxengage.standin.voice import Gateway

REFUSALS = {
    "off": {"code": "silent-monitoring-disabled", "message": "Silent monitoring is not enabled."},
    "absent": {
        "code": "silent-monitoring-object-missing",
        "message": "The flow has no Silent Monitoring object.",
    },
}


class RefusedError(Exception):
    """An interrupt that is not possible; *args* are status and body."""


@dataclass(eq=False)
class Supervision:
    """One monitor of one call."""

    user: User
    session_id: str
    callsid: str
    leg: Leg
    way: Gateway | Trunk
    started: datetime | None = None
    ended: datetime | None = None
    barged: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    def lives(self) -> bool:
        """Whether the session that asked for it is there."""
        return self.user.session is not None and self.user.session.id == self.session_id


@dataclass(eq=False)
class Call:
    """An interaction."""

    agent_id: str
    flow: str
    room: Room
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    active: bool = True
    monitors: list[Supervision] = field(default_factory=list)


class Engine:
    """All calls of the tenant."""

    def __init__(self, tenant: Tenant, gateway: Gateway, trunk: Trunk | None) -> None:
        self.tenant = tenant
        self.gateway = gateway
        self.trunk = trunk
        self.calls: dict[str, Call] = {}
        self.listed = 0
        self.owed: dict[str, tuple[str, Supervision, float]] = {}
        """Actions that wait for an acknowledgement: the message's body, for whom and since when."""
        self.acknowledged: list[str] = []
        self._jobs: set[asyncio.Task[None]] = set()
        for way in (gateway, trunk):
            if way is not None:
                way.on_answer, way.on_hangup = self.answered, self.hung_up

    def new_call(self, agent_id: str, flow: str) -> Call:
        """A call that is up."""
        call = Call(agent_id, flow, Room())
        self.calls[call.id] = call
        return call

    async def end(self, call: Call) -> None:
        """One of the two hung up."""
        if not call.active:
            return
        call.active = False
        for one in self.open(call):
            await self.end_supervision(call, one)
        await call.room.close()

    def open(self, call: Call) -> list[Supervision]:
        """Monitors that are still on it, or about to be."""
        return [one for one in call.monitors if one.ended is None]

    # -- interrupts

    async def start(self, user: User, call: Call, interrupt: dict[str, Any]) -> None:
        """``silent-monitoring``."""
        faults = self.tenant.faults
        if "MONITOR_ALL_CALLS" not in user.permissions:
            raise RefusedError(403, {"code": "forbidden"})
        if interrupt.get("resourceId") != user.id or not interrupt.get("activeExtension"):
            raise RefusedError(400, {"code": "no-extension"})
        session = user.session
        if session is None or interrupt.get("sessionId") != session.id:
            raise RefusedError(400, {"code": "invalid-session"})
        if call.flow != "on":
            if faults.refusal == "silence":
                return
            raise RefusedError(400, REFUSALS[call.flow])
        if any(one.user is user for other in self.calls.values() for one in self.open(other)):
            raise RefusedError(409, {"code": "already-monitoring"})
        way = self._way(interrupt["activeExtension"].get("type"))
        one = Supervision(user, session.id, "CA" + uuid.uuid4().hex, Leg(), way)
        call.monitors.append(one)
        self._job(self._bring_in(call, one))

    def _way(self, kind: object) -> Gateway | Trunk:
        if kind in ("webrtc", "twilio"):
            return self.gateway
        if kind != "sip" or self.trunk is None:
            raise RefusedError(400, {"code": "extension-cannot-be-called"})
        return self.trunk

    async def _bring_in(self, call: Call, one: Supervision) -> None:
        faults = self.tenant.faults
        offer = await one.leg.offer(gateway=one.way is self.gateway, mid=not faults.no_mid)
        if faults.no_invite:
            return
        await one.way.invite(one.user, one.callsid, offer)
        if faults.cancel_before_answer:
            await one.way.cancel(one.user, one.callsid)
            await self.end_supervision(call, one, hang_up=False)
            return
        try:
            async with asyncio.timeout(15):
                await one.answered.wait()
                while one.leg.state != "connected" and one.ended is None:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await self.end_supervision(call, one)
        if one.ended is not None:
            return
        one.started = datetime.now(UTC)
        call.room.legs.append(one.leg)
        if not faults.no_start_event:
            self.notify(call, one, "silent-monitor-start", {})
        while one.leg.state == "connected":
            await asyncio.sleep(0.1)
        await self.end_supervision(call, one)

    async def set_mute(self, user: User, call: Call, target: str, *, muted: bool) -> None:
        """``mute-resource`` and ``unmute-resource``."""
        if not muted and "BARGE_ALL_CALLS" not in user.permissions:
            raise RefusedError(403, {"code": "forbidden"})
        found = [one for one in self.open(call) if one.user.id == target and one.started]
        if not found:
            raise RefusedError(404, {"code": "no-such-resource"})
        for one in found:
            one.leg.muted = muted
            one.barged = one.barged or not muted
            kind = "resource-mute" if muted else "resource-unmute"
            self.notify(call, one, kind, {"targetResource": target})

    async def remove(self, call: Call, target: str) -> None:
        """``remove-resource``: on the agent it ends the call, on others that leg only."""
        if target == call.agent_id:
            await self.end(call)
            return
        found = [one for one in self.open(call) if one.user.id == target]
        if not found:
            raise RefusedError(404, {"code": "no-such-resource"})
        for one in found:
            await self.end_supervision(call, one)

    async def end_supervision(self, call: Call, one: Supervision, *, hang_up: bool = True) -> None:
        """The leg leaves the mixer; both kinds of end are told unless a fault holds one back."""
        if one.ended is not None:
            return
        one.ended = datetime.now(UTC)
        faults = self.tenant.faults
        if one.leg in call.room.legs:
            call.room.legs.remove(one.leg)
        if not faults.no_end_event:
            self.notify(call, one, "silent-monitor-end", {})
        if hang_up and not faults.no_leg_hangup:
            await one.way.hang_up(one.user, one.callsid)
        one.way.forget(one.callsid)
        self._job(one.leg.close())

    # -- the voice gateway, or the trunk

    async def answered(self, callsid: str, sdp: str) -> None:
        """The leg's answer."""
        for call in self.calls.values():
            for one in self.open(call):
                if one.callsid == callsid:
                    await one.leg.accept(sdp)
                    one.answered.set()

    async def hung_up(self, callsid: str) -> None:
        """The leg hung up or rejected, or its signalling was lost for too long."""
        if self.tenant.faults.ignore_hangup:
            return
        for call in self.calls.values():
            for one in self.open(call):
                if one.callsid == callsid:
                    await self.end_supervision(call, one, hang_up=False)

    # -- messages

    def notify(self, call: Call, one: Supervision, kind: str, extra: dict[str, Any]) -> None:
        """Put a message for the supervisor into the queue."""
        action = str(uuid.uuid4())
        message: dict[str, Any] = {
            "type": "agent-notification",
            "notificationType": kind,
            "sessionId": one.session_id,
            "tenantId": self.tenant.settings.tenant_id,
            "interactionId": call.id,
            "resourceId": one.user.id,
            "actionId": action,
            "subId": str(uuid.uuid4()),
            "extraParams": extra,
        }
        faults = self.tenant.faults
        if faults.kebab:
            message = {_kebab(key): value for key, value in message.items()}
            message["extra-params"] = {_kebab(key): value for key, value in extra.items()}
        body = json.dumps(message)
        self.owed[action] = (body, one, time.monotonic())

        async def put() -> None:
            await asyncio.sleep(faults.message_delay)
            for _ in range(2 if faults.duplicates else 1):
                one.user.queue.put(body)

        if faults.message_delay:
            self._job(put())
        else:
            for _ in range(2 if faults.duplicates else 1):
                one.user.queue.put(body)

    def acknowledge(self, action: str) -> None:
        """The client confirmed an action."""
        self.acknowledged.append(action)
        self.owed.pop(action, None)

    def unacknowledged(self, patience: float = 3.0) -> list[str]:
        """Actions whose message was taken off the queue and never confirmed.

        What was for a session that is no more, its successor deletes and does not confirm.
        """
        taken = {body for user in self.tenant.users.values() for body in user.queue.deleted}
        limit = time.monotonic() - patience
        return [
            action
            for action, (body, one, at) in self.owed.items()
            if body in taken and at < limit and one.lives()
        ]

    async def watch_sessions(self) -> None:
        """End the legs of sessions that died, for ever."""
        while True:
            await asyncio.sleep(0.1)
            for user in self.tenant.dead_sessions():
                for call in self.calls.values():
                    for one in self.open(call):
                        if one.user is user:
                            await self.end_supervision(call, one)

    def _job(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)


def _kebab(key: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in key)
