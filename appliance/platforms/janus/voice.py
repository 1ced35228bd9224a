"""The leg's voice: an AudioBridge participant that waits alone, and is moved to whom shall hear it.

Its connection is made when the leg joins, so that to barge in is one request, `changeroom`, and no
new connection. To be muted is to be back in the waiting room, out of the call's sight.
"""

from __future__ import annotations

import asyncio
from typing import Any

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.janus import names, wire
from appliance.platforms.janus.link import JanusRefusedError
from appliance.platforms.janus.session import Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import LegPort, PlatformError

DISPLAY = "Supervisor"
BY_SOMEBODY = frozenset({"Detach", "Admin API", "Close PC"})
"""Reasons of a ``hangup`` that are no accident; anything else is ICE or DTLS."""


class Voice:
    """Of one leg. Every method raises `PlatformError`; they are served one after the other."""

    def __init__(self, settings: JanusSettings, session: Session, handle: str, call: str) -> None:
        self._settings = settings
        self._session = session
        self._handle = handle
        self._call = call
        self._waiting = names.own_room(handle)
        self._name = names.voice(handle)
        self._turn = asyncio.Lock()
        self._up = False
        self._room: str | None = self._waiting
        """Where the voice is, if anywhere; None while a request's outcome is not known."""
        self.handle_id: int | None = None

    async def open(self, leg: LegPort) -> None:
        """Make the connection; returns when it is up, and the voice alone in its waiting room."""
        async with self._turn:
            if not self._up:
                await self._open(leg)

    async def set_audience(self, audience: Audience | None) -> None:
        """Returns when the AudioBridge has moved it."""
        async with self._turn:
            if audience is None:
                if self.handle_id is not None:
                    await self._move(self._waiting, muted=True)
            elif not self._up:
                raise PlatformError("The way to speak into this call is not up yet; try again.")
            else:
                suffix = self._settings.coach_suffix if audience is Audience.AGENT else ""
                await self._move(self._call + suffix, muted=False)

    def told(self, event: wire.Message) -> EndReason | None:
        """What Janus tells of the voice: why the leg must end, if it must.

        Whoever is heard must not be silenced unseen, for the lamp would go on. A voice that waits
        may be lost: `open` makes another.
        """
        data = event.plugindata.data if event.plugindata is not None else {}
        heard = self._room != self._waiting
        if event.janus in ("detached", "hangup") or data.get("kicked") == self._name:
            self._up, self._room, self.handle_id = False, self._waiting, None
            lost = event.janus == "hangup" and event.reason not in BY_SOMEBODY
            reason = EndReason.MEDIA_LOST if lost else EndReason.REMOVED
            return reason if heard else None
        if data.get("audiobridge") == "destroyed":
            return EndReason.CALL_ENDED if heard else None
        moving = self._room is None
        return EndReason.REMOVED if heard and not moving and self._muted_in(data) else None

    def _muted_in(self, data: dict[str, Any]) -> bool:
        """Whether a moderator mutes us, or everybody."""
        told = data.get("participants")
        people = [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []
        mine = any(item.get("id") == self._name and item.get("muted") is True for item in people)
        return mine or (data.get("audiobridge") == "event" and data.get("muted") is True)

    async def _open(self, leg: LegPort) -> None:
        if self.handle_id is not None:
            # The rest of an attempt that failed: maybe its name is in the room.
            await self._session.detach(self.handle_id)
        handle_id = await self._session.attach(wire.AUDIOBRIDGE, self._handle)
        self.handle_id, self._room = handle_id, self._waiting
        join = {
            "request": "join",
            "id": self._name,
            "display": DISPLAY,
            **self._room_and_key(self._waiting),
            "muted": True,
        }
        await self._session.message(handle_id, join)
        offer = wire.Jsep(type="offer", sdp=await leg.speak())
        _, answer = await self._session.message(
            handle_id, {"request": "configure", "muted": True}, offer
        )
        if answer is None:
            raise PlatformError("Janus took the supervisor's voice without an answer; try again.")
        await leg.accept_speaking(answer.sdp)
        if self.handle_id != handle_id:  # it was lost while it came up
            raise PlatformError("The way to speak into this call was lost; try again.")
        self._up = True

    async def _move(self, room: str, *, muted: bool) -> None:
        if self._room == room:
            return
        known, self._room = self._room, None
        body = {
            "request": "changeroom",
            "id": self._name,
            "display": DISPLAY,
            **self._room_and_key(room),
            "muted": muted,
        }
        try:
            await self._session.message(self.handle_id or 0, body)
        except JanusRefusedError as error:
            if error.number == wire.AUDIOBRIDGE_ALREADY_JOINED:
                self._room = room
                return
            self._room = known
            if error.number == wire.AUDIOBRIDGE_NO_SUCH_ROOM:
                raise PlatformError(
                    "This call has no AudioBridge room to be heard in; the site's call control "
                    "has to make it."
                ) from error
            raise
        self._room = room

    def _room_and_key(self, room: str) -> dict[str, str]:
        settings = self._settings
        pin = settings.room_pin.get_secret_value()
        if room == self._waiting:
            pin = names.own_secret(self._handle)
        elif room != self._call:
            pin = settings.coach_pin.get_secret_value() or pin
        return {"room": room} | ({"pin": pin} if pin else {})
