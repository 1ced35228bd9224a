"""A monitoring session for the page, without leg and platform."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from appliance.console.ports.monitoring import Notice
from appliance.control_link.client import LegError
from appliance.control_link.events import Levels, Quality
from appliance.control_link.quality import SessionQuality, rating_of
from appliance.control_link.states import CheckResult, HeadsetFound, HeadsetState, Lamps, Press
from appliance.control_link.words import (
    Action,
    Audience,
    Button,
    EndReason,
    Gate,
    LampPattern,
    Media,
)
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.policy import (
    Account,
    RefusedError,
    Running,
    monitor_refusal,
    silence_refusal,
    unmute_refusal,
)
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.session import DeviceView, Ending, MonitoringView
from appliance.monitoring.session_machine import State
from appliance.monitoring.terms import NOTHING_GIVEN, Given, Terms
from appliance.platforms.protocol import Capability, Check, Monitor
from tests.support.console_calls import PLATFORM
from tests.support.holders import Holders


@dataclass
class FakePlatform:
    """Name, capabilities, and what a check of the connection finds."""

    name: str = PLATFORM
    capabilities: frozenset[Capability] = frozenset(Capability)
    checks: tuple[Check, ...] = (
        Check("address", passed=True, detail="It answers."),
        Check("sign_in", passed=False, detail="The password is wrong. Ask <b>IT</b> for it."),
    )

    async def check(self) -> list[Check]:
        return list(self.checks)


class MemoryMonitoring(Holders):
    """A session that does at once what is asked, under the domain's own rules."""

    def __init__(self, book: InteractionBook, platform: FakePlatform) -> None:
        super().__init__()
        self._book, self._platform = book, platform
        self._listeners: list[Callable[[Notice], None]] = []
        self._owner: Account | None = None
        self.headset = HeadsetState(
            present=True, name="Jabra Evolve2 40", playing=True, underruns=3
        )
        self.view = MonitoringView(State.IDLE, True, True, self.headset)
        self.box = DeviceView(
            leg_connected=True,
            leg_id="leg-1",
            board="virtual",
            headset=self.headset,
            lamps=Lamps(microphone=LampPattern.OFF, status=LampPattern.ON),
            volume=60,
        )
        self.fail_with: Exception | None = None
        self.sound: SessionQuality | None = None
        """How the session will have sounded once it has ended."""
        self.announced: list[str] = []
        self.press_listeners: list[Callable[[Press], None]] = []
        self.recovery_shown: list[bool] = []
        self.presses = 0
        self.terms = Terms()
        self.given: list[Given] = []

    def current(self) -> MonitoringView:
        return self.view

    def device(self) -> DeviceView:
        return self.box

    def listen_presses(self, listener: Callable[[Press], None]) -> Callable[[], None]:
        self.press_listeners.append(listener)
        return lambda: self.press_listeners.remove(listener)

    async def show_recovery(self, on: bool) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.recovery_shown.append(on)

    def press(self, button: Button, action: Action = Action.IGNORED, *, age_s: float = 0.0) -> None:
        """A finger at the box."""
        at = time.monotonic() - age_s
        self.presses += 1
        press = Press(number=self.presses, at=at, button=button, action=action)
        for heard in list(self.press_listeners):
            heard(press)

    def listen(self, listener: Callable[[Notice], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def monitor(
        self, account: Account, interaction_id: str, given: Given = NOTHING_GIVEN
    ) -> MonitoringView:
        if self.fail_with is not None:
            raise self.fail_with
        interaction = self._book.find(interaction_id)
        assert interaction is not None
        running = None
        if self.view.interaction is not None and self._owner is not None:
            running = Running("session", self.view.interaction.id, self._owner.name)
        refusal = monitor_refusal(account, interaction, PLATFORM, running)
        if refusal is not None:
            raise RefusedError.because(refusal)
        self.given.append(self.terms.accept(given))
        self._owner = account
        started = datetime.now(UTC)
        self._show(
            MonitoringView(
                State.LISTENING,
                True,
                True,
                self.headset,
                session_id=f"session-{interaction_id}",
                interaction=interaction,
                owner=account.name,
                gate=Gate.CLOSED,
                media=Media.CONNECTED,
                started_at=started,
            )
        )
        self._book.set_running(
            Running("session", interaction_id, account.name), Monitor(account.name, False, started)
        )
        self.lamp(LampPattern.SLOW_BREATHE)
        return self.view

    async def monitor_next(self, account: Account, given: Given = NOTHING_GIVEN) -> MonitoringView:
        self.terms.accept(given)
        before = self.view.interaction.id if self.view.interaction else ""
        following = self._book.next_after(account, before)
        if following is None:
            raise RefusedError("There is no other call.", code="no_next")
        if self._owner is not None:
            self.end(EndReason.HUNG_UP)
        return await self.monitor(account, following.id, given)

    async def set_microphone(
        self,
        account: Account,
        muted: bool,
        audience: Audience | None = None,
        *,
        only_live: bool = False,
        session_id: str | None = None,
    ) -> MonitoringView:
        audience = audience or self.view.audience
        if self._owner is None:
            raise RefusedError("You are not monitoring a call.", code="no_session")
        if not muted and session_id not in (None, self.view.session_id):
            raise RefusedError("Another call is being monitored by now.", code="other_call")
        if only_live and self.view.muted:
            raise RefusedError("Somebody muted meanwhile.", code="stale")
        refusal = (
            silence_refusal(account, self._owner.name)
            if muted
            else unmute_refusal(account, self._owner.name, audience, self._platform.capabilities)
        )
        if refusal is not None:
            raise RefusedError.because(refusal)
        self.gate(muted, audience)
        return self.view

    async def hang_up(self, account: Account) -> None:
        if self._owner is None:
            raise RefusedError("You are not monitoring a call.", code="no_session")
        self.end(EndReason.HUNG_UP)

    def announce(self, account: str) -> None:
        self.announced.append(account)

    async def set_volume(self, percent: int) -> None:
        self.box = replace(self.box, volume=percent)
        self.tell(self.box)

    async def self_test(self) -> list[CheckResult]:
        if self.view.session_id is not None:
            raise LegError("The self-test does not run in a call.", code="busy")
        present = self.headset.present
        name = self.headset.name if present else "no headset is plugged in"
        return [CheckResult(name="headset present", passed=present, detail=name)]

    async def headsets(self) -> list[HeadsetFound]:
        return [HeadsetFound(name=self.headset.name, choice="usb-serial:ABC123")]

    async def close(self) -> Callable[[], None]:
        if self._owner is not None:
            raise RefusedError(f"{self._owner.name} is monitoring a call.", code="busy")
        return self.hold()

    # -- what happens to the box

    def gate(self, muted: bool, audience: Audience = Audience.EVERYONE) -> None:
        """The gate moved, by whatever cause."""
        state = State.LISTENING if muted else State.LIVE
        gate = Gate.CLOSED if muted else Gate.OPEN
        self._show(replace(self.view, state=state, muted=muted, gate=gate, audience=audience))
        self.lamp(LampPattern.SLOW_BREATHE if muted else LampPattern.ON)

    def end(self, reason: EndReason) -> None:
        """The session ended."""
        assert self.view.session_id is not None
        ending = Ending(
            self.view.session_id, reason, reason.value, WORDS[reason], datetime.now(UTC)
        )
        interaction, started = self.view.interaction, self.view.started_at
        assert interaction is not None
        assert started is not None
        assert self._owner is not None
        owner, self._owner = self._owner, None
        self._show(MonitoringView(State.IDLE, True, True, self.headset, last_end=ending))
        self._book.set_running(None, None)
        self._book.remember(interaction, Monitor(owner.name, False, started, ending.at, self.sound))
        self.lamp(LampPattern.OFF)

    def lose_leg(self) -> None:
        """Nobody knows the gate any more."""
        self._show(replace(self.view, muted=None, leg_connected=False))

    def lamp(self, pattern: LampPattern) -> None:
        """The microphone lamp shows another pattern."""
        self.box = replace(self.box, lamps=Lamps(microphone=pattern, status=LampPattern.ON))
        self.tell(self.box)

    def levels(self, downlink: float, uplink: float) -> None:
        """A tenth of a second of sound."""
        self.tell(Levels(session_id="session", downlink=downlink, uplink=uplink))

    def quality(self, mos: float | None, lost_percent: float | None = 0.0) -> None:
        """A second of sound; None is one without packets."""
        known = mos is not None
        self.tell(
            Quality(
                session_id="session",
                received=500,
                lost=5,
                concealed_ms=100,
                jitter_ms=2.5,
                delay_ms=45.0,
                sent=500,
                lost_percent=lost_percent if known else None,
                concealed_percent=lost_percent if known else None,
                stretched_percent=0.5 if known else None,
                round_trip_ms=30.0,
                mouth_to_ear_ms=126.5 if known else None,
                mos=mos,
                rating=None if mos is None else rating_of(mos),
                session=SessionQuality(mos=mos, lost_percent=lost_percent),
            )
        )

    def tell(self, notice: Notice) -> None:
        for listener in tuple(self._listeners):
            listener(notice)

    def _show(self, view: MonitoringView) -> None:
        self.view = view
        self.tell(view)
