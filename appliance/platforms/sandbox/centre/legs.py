"""All supervisor legs of the centre: joining, audience, leaving, and how legs end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.sandbox.centre.call import Call
from appliance.platforms.sandbox.centre.leg import SupervisorLeg
from appliance.platforms.sandbox.centre.mixers import Mixers
from appliance.platforms.sandbox.centre.refusal import RefusedError
from appliance.platforms.sandbox.centre.settings import CentreSettings
from appliance.platforms.sandbox.centre.speech import Lines
from appliance.platforms.sandbox.centre.uplink import PacketLog
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

KEPT_ENDED = 32
SECONDS_TO_CLOSE = 5.0
WATCH_INTERVAL = 0.5


class Owner(Protocol):
    """The connection that a leg belongs to."""

    def leg_ended(self, handle: str, reason: EndReason) -> None:
        """The leg is gone; must not block."""


@dataclass(slots=True, eq=False)
class Placement:
    """A leg on a call, and whose it is."""

    leg: SupervisorLeg
    call: Call
    owner: Owner | None
    orphaned_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What is remembered of a leg that is gone."""

    reason: EndReason
    log: PacketLog


class Legs:
    """Every leg, by its handle."""

    def __init__(
        self, settings: CentreSettings, lines: Lines, changed: Callable[[Call], None]
    ) -> None:
        self.placed: dict[str, Placement] = {}
        self.ended: OrderedDict[str, Ended] = OrderedDict()
        self.barred: set[str] = set()
        """Supervisors that this tenant lets monitor nothing."""
        self.refuse_next_offer = False
        self.mixers = Mixers(lines)
        self._settings = settings
        self._changed = changed
        self._jobs = Jobs()

    async def monitor(
        self, call: Call, handle: str, supervisor: str, offer: str, owner: Owner
    ) -> str:
        """Join silently; returns the answer. Nobody on the call is told. Raises `RefusedError`."""
        self._check(call, handle, supervisor)
        leg = SupervisorLeg(handle, supervisor, self._died)
        placement = Placement(leg, call, owner)
        # Placed before the first wait, so that a hang-up in between finds the leg.
        self.placed[handle] = placement
        answer = None
        try:
            answer = await leg.answer(offer)
        finally:
            if answer is None and self.placed.get(handle) is placement:
                self._forget(placement)
        if self.placed.get(handle) is not placement:
            raise RefusedError("call_ended", "The call ended or the leg left while it was joining.")
        call.legs[handle] = leg
        call.note_monitor(supervisor)
        self.mixers.start(call)
        self._changed(call)
        return answer

    def set_audience(self, handle: str, audience: Audience | None, owner: Owner) -> None:
        """Let nobody, the agent or everyone hear the leg. Raises `RefusedError`."""
        placement = self.placed.get(handle)
        if placement is None:
            raise RefusedError("not_found", "This leg is gone; monitor the interaction again.")
        if audience is not None and placement.owner is not owner:
            raise RefusedError(
                "not_permitted", "This leg belongs to another connection; resume it."
            )
        if audience is not None and placement.leg.receive_only:
            raise RefusedError("not_permitted", "A receive-only leg cannot be heard.")
        placement.leg.audience = audience
        if audience is not None:
            placement.call.note_barge(placement.leg.supervisor)
            self._changed(placement.call)

    def resume(self, handle: str, owner: Owner) -> bool:
        """Give the leg to *owner*, its audience as it was; False when it is gone."""
        placement = self.placed.get(handle)
        if placement is None:
            return False
        placement.owner, placement.orphaned_at = owner, None
        return True

    def orphan(self, owner: Owner) -> None:
        """The owner's connection is lost: its legs stay for a while, in case it comes back."""
        for placement in self.placed.values():
            if placement.owner is owner:
                placement.owner, placement.orphaned_at = None, time.monotonic()

    def end(self, handle: str, reason: EndReason) -> None:
        """End one leg, never the call; nothing happens when it is gone already."""
        placement = self.placed.get(handle)
        if placement is None:
            return
        call = placement.call
        if placement.owner is not None and reason is not EndReason.HUNG_UP:
            placement.owner.leg_ended(handle, reason)
        self.ended[handle] = Ended(reason, placement.leg.uplink.log)
        while len(self.ended) > KEPT_ENDED:
            self.ended.popitem(last=False)
        if call.legs.pop(handle, None) is not None:
            call.note_left(placement.leg.supervisor)
            self._changed(call)
        self._forget(placement)

    def end_all(self, call: Call, reason: EndReason) -> None:
        """The call is over."""
        for handle in [h for h, placement in self.placed.items() if placement.call is call]:
            self.end(handle, reason)

    def log_of(self, handle: str) -> PacketLog:
        """The uplink packets of a leg, also of one that ended lately. Raises `RefusedError`."""
        if handle in self.placed:
            return self.placed[handle].leg.uplink.log
        if handle in self.ended:
            return self.ended[handle].log
        raise RefusedError("not_found", f"No leg has the handle {handle}.")

    async def watch(self) -> None:
        """Remove, for ever, legs whose supervisor or media is gone."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            now = time.monotonic()
            for handle, placement in list(self.placed.items()):
                leg, orphaned = placement.leg, placement.orphaned_at
                if orphaned is not None and now - orphaned > self._settings.grace:
                    log.info("leg %s: its supervisor did not come back", handle)
                    self.end(handle, EndReason.CONTROL_LOST)
                elif leg.connected:
                    if leg.silent_for() > self._settings.media_timeout:
                        self.end(handle, EndReason.MEDIA_LOST)
                elif now - leg.created_at > self._settings.connect_timeout:
                    self.end(handle, EndReason.MEDIA_LOST)

    async def close(self) -> None:
        """End every leg and all mixing."""
        for handle in list(self.placed):
            self.end(handle, EndReason.PLATFORM_LOST)
        await self.mixers.close()
        await self._jobs.finish(SECONDS_TO_CLOSE)

    def _check(self, call: Call, handle: str, supervisor: str) -> None:
        """Refuse what the platform does not allow."""
        if supervisor in self.barred:
            raise RefusedError("not_permitted", "This supervisor may not monitor calls here.")
        if call.cast.flow.refusal is not None:
            raise RefusedError(call.cast.flow.refusal, WORDS[call.cast.flow.refusal])
        if handle in self.placed or handle in self.ended:
            raise RefusedError("already_monitoring", "This handle is in use; take a new one.")
        if any(p.call is call and p.leg.supervisor == supervisor for p in self.placed.values()):
            raise RefusedError("already_monitoring", "You monitor this interaction already.")
        if self.refuse_next_offer:
            self.refuse_next_offer = False
            raise RefusedError("bad_offer", "The platform refused the offer; try again.")

    def _died(self, leg: SupervisorLeg) -> None:
        placement = self.placed.get(leg.handle)
        if placement is not None and placement.leg is leg:
            self.end(leg.handle, EndReason.MEDIA_LOST)

    def _forget(self, placement: Placement) -> None:
        self.placed.pop(placement.leg.handle, None)
        self._jobs.spawn(_close(placement.leg), f"closing leg {placement.leg.handle}")
        if not placement.call.legs:
            self.mixers.stop(placement.call)


WORDS = {
    EndReason.NO_MONITORING_OBJECT: (
        "The flow of this interaction has no Silent Monitoring object; have it added to the flow."
    ),
    EndReason.MONITORING_DISABLED: (
        "Silent monitoring is off in this flow; have Enable Silent Monitoring turned on there."
    ),
}


async def _close(leg: SupervisorLeg) -> None:
    try:
        async with asyncio.timeout(SECONDS_TO_CLOSE):
            await leg.close()
    except TimeoutError:
        log.warning("leg %s did not close in time", leg.handle)
