"""What only time tells: a platform, headset or leg away for too long, a barge that lasts."""

from __future__ import annotations

import asyncio
import logging
import time

from appliance.control_link.words import EndReason
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.microphone import Microphone
from appliance.monitoring.owner import Owner
from appliance.monitoring.presses import Presses
from appliance.monitoring.recovery import LEG_DIED, Recovery
from appliance.monitoring.session import Session
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

TICK_S = 0.25
LATE_S = 1.0
SWEEP_S = 30.0
OWNER_S = 0.75
"""How often the owner's account is looked at: who is locked or deleted hears no more soon."""


class Watch:
    """Looks four times a second."""

    def __init__(
        self,
        desk: Desk,
        endings: Endings,
        microphone: Microphone,
        presses: Presses,
        recovery: Recovery,
        owner: Owner,
    ) -> None:
        self._desk = desk
        self._endings = endings
        self._microphone = microphone
        self._presses = presses
        self._recovery = recovery
        self._owner = owner
        self._started = self._platform_there = self._headset_there = time.monotonic()
        self._swept = self._asked = self._started

    async def run(self) -> None:
        """For ever."""
        self._started = self._platform_there = self._headset_there = time.monotonic()
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            before, last = last, time.monotonic()
            if last - before > LATE_S:
                # This process stood still, not the others: what they said meanwhile is read first.
                log.warning("control stood still for %.1f s", last - before)
                continue
            self._look(last)
            # Never awaited here: a slow disk must not keep the watch from looking.
            self._desk.jobs.spawn(self._write_presses(), "presses")

    def _look(self, now: float) -> None:
        desk, settings = self._desk, self._desk.settings
        if desk.book.connection.connected:
            self._platform_there = now
        if desk.device.headset.present:
            self._headset_there = now
        if not self._recovery.met and now - self._started > settings.resume_window_s:
            log.warning("the headset process did not show up; closing what was left behind")
            self._recovery.close_torn(None)
        if self._endings.leftovers and now - self._swept > SWEEP_S:
            self._swept = now
            desk.jobs.spawn(self._endings.sweep(), "leftover legs")
        session = desk.running()
        if session is not None:
            self._look_at(session, now)
            if now - self._asked > OWNER_S:
                self._asked = now
                self._owner.look_soon()
        desk.publish()  # the leg's silence makes the microphone unknown without any event

    def _look_at(self, session: Session, now: float) -> None:
        desk, settings = self._desk, self._desk.settings
        # Trouble from before the session counts from the session's beginning.
        platform_away = now - max(self._platform_there, session.begun)
        headset_away = now - max(self._headset_there, session.begun)
        leg_silent = now - max(desk.link.heard_at, session.begun)
        if platform_away > settings.platform_lost_after_s:
            self._endings.end(session, EndReason.PLATFORM_LOST)
        elif leg_silent > settings.leg_lost_after_s:
            self._endings.end(session, EndReason.FAILED, detail=LEG_DIED)
        elif headset_away > settings.headset_lost_after_s:
            self._endings.end(session, EndReason.HEADSET_LOST)
        elif (
            settings.barge_limit_s is not None
            and session.live_since is not None
            and now - session.live_since > settings.barge_limit_s
        ):
            session.live_since = None  # asked once; the gate's report sets the rest
            desk.jobs.spawn(self._mute(session), "barge limit")

    async def _write_presses(self) -> None:
        await self._presses.write()

    async def _mute(self, session: Session) -> None:
        log.info("the barge has lasted its limit; muting")
        try:
            await self._microphone.mute(session, "bargebox")
        except BargeboxError as fault:
            log.error("the leg was not told to mute: %s", fault.detail)
            return
        session.note = _limit_words(self._desk.settings.barge_limit_s or 0)
        self._desk.publish()


def _limit_words(limit_s: float) -> str:
    minutes, seconds = divmod(round(limit_s), 60)
    limit = f"{minutes} min" if not seconds else f"{round(limit_s)} s"
    return f"You were heard for {limit}, the limit here: you are muted. Press Microphone to go on."
