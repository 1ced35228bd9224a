"""A person checks headset and panel: what they ask of the leg process, and what it tells of it."""

from __future__ import annotations

from dataclasses import replace

from appliance.control_link.commands import BeginCheck, EndCheck, LightLamp, PlayTone
from appliance.control_link.events import CheckChanged, CheckLevel, CheckPressed
from appliance.control_link.words import CheckEnd, CheckKind, Lamp
from appliance.monitoring.audit import Entry
from appliance.monitoring.check_view import SILENCE_DBFS, CheckView
from appliance.monitoring.desk import Desk


class Checks:
    """What people do raises `LegError` (``busy`` but in idle) and `LegUnreachableError`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.now = CheckView()

    async def begin(self, who: str, kind: CheckKind) -> CheckView:
        """Begin. The headset's opens the microphone, so it is on record first.

        Raises `AuditUnwritableError` too.
        """
        if kind is CheckKind.HEADSET:
            await self._desk.audit.append(Entry(who, "headset_checked"))
        await self._desk.link.request(lambda n: BeginCheck(id=n, kind=kind))
        return self.now

    async def end(self) -> CheckView:
        """End it, if one runs."""
        await self._desk.link.request(lambda n: EndCheck(id=n))
        return self.now

    async def tone(self) -> CheckView:
        """Play a tone in the ear."""
        await self._desk.link.request(lambda n: PlayTone(id=n))
        return self._tell(replace(self.now, toned=True))

    async def light(self, lamp: Lamp | None) -> CheckView:
        """Have a lamp blink, or none; ``no_check`` unless the panel is being checked."""
        await self._desk.link.request(lambda n: LightLamp(id=n, lamp=lamp))
        lit = self.now.lit if lamp is None else self.now.lit | {lamp}
        return self._tell(replace(self.now, lamp=lamp, lit=lit))

    def take(self, event: CheckChanged | CheckLevel | CheckPressed) -> None:
        """What the leg process tells."""
        now = self.now
        match event:
            case CheckChanged(kind=kind, end=end):
                now = replace(now, running=kind, end=end, level=SILENCE_DBFS, lamp=None)
            case CheckLevel(level=level):
                both_ways = self._desk.device.headset.playing
                loudest = max(now.loudest, level) if both_ways else now.loudest
                now = replace(now, level=level, loudest=loudest)
            case CheckPressed(button=button):
                now = replace(now, pressed=now.pressed | {button})
        self._tell(now)

    def leg_gone(self) -> None:
        """What was seen was of a leg process that may come back as another."""
        end = CheckEnd.CONTROL if self.now.running else self.now.end
        self._tell(CheckView(end=end))

    def _tell(self, now: CheckView) -> CheckView:
        if now != self.now:
            self.now = now
            self._desk.tell(now)
        return now
