"""Lamps and earcons that follow the gate and the call: the panel table of the design."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

from appliance.control_link.words import Gate, Lamp, LampPattern
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from appliance.leg.ports import LampPort


class Trouble(StrEnum):
    """What keeps the box from its work; each is shown until it is mended."""

    HEADSET = "headset"
    CONTROL = "control"


class Phase(StrEnum):
    """What the leg is doing, without the gate."""

    STARTING = "starting"
    FAULT = "fault"
    IDLE = "idle"
    JOINING = "joining"
    LISTENING = "listening"
    RECONNECTING = "reconnecting"


LAMPS: dict[Phase, tuple[LampPattern, LampPattern]] = {
    Phase.STARTING: (LampPattern.OFF, LampPattern.SLOW_BLINK),
    Phase.FAULT: (LampPattern.OFF, LampPattern.FAST_DOUBLE_BLINK),
    Phase.IDLE: (LampPattern.OFF, LampPattern.ON),
    Phase.JOINING: (LampPattern.SHORT_BLINK, LampPattern.ON),
    Phase.LISTENING: (LampPattern.SLOW_BREATHE, LampPattern.ON),
    Phase.RECONNECTING: (LampPattern.SHORT_BLINK, LampPattern.SHORT_BLINK),
}
"""Phase → (microphone button's lamp, status lamp) while the gate is not open."""

ANNOUNCED = LampPattern.QUICK_BLINK
"""The status lamp while a watched call is announced."""
RECOVERY = (LampPattern.QUICK_BLINK, LampPattern.QUICK_BLINK)
"""Both lamps while a password can be set anew at the box."""


LOOKED_AT = LampPattern.QUICK_BLINK
"""A lamp while somebody looks whether it can be lit: never steady, which has a meaning."""


class Indicators:
    """Thread-safe: the gate speaks from whichever thread moved it, the call from the loop."""

    def __init__(
        self, panel: LampPort, play: Callable[[Samples], None], changed: Callable[[], None]
    ) -> None:
        self._panel = panel
        self._play = play
        self._changed = changed
        self._lock = threading.Lock()
        self._phase = Phase.STARTING
        self._gate = Gate.CLOSED
        self._troubles: set[Trouble] = set()
        self._testing = False
        self._announced = False
        self._looked_at: Lamp | None = None
        self._recovery = False

    def show_phase(self, phase: Phase) -> None:
        """The call has come to this phase."""
        with self._lock:
            before, self._phase = self._phase, phase
            self._announced = self._recovery = False
            self._light()
        if phase is Phase.LISTENING and before is Phase.JOINING:
            self._play(cue(Cue.JOINED))
        elif phase is Phase.RECONNECTING and before is not phase:
            self._play(cue(Cue.GAP))

    def show_gate(self, gate: Gate) -> None:
        """The gate has moved; lit or dark before this returns."""
        with self._lock:
            before, self._gate = self._gate, gate
            self._announced = False
            self._light()
        if gate is Gate.OPEN:
            self._play(cue(Cue.OPENED))
        elif before is Gate.OPEN:
            self._play(cue(Cue.CLOSED))

    def show_trouble(self, trouble: Trouble, *, there: bool) -> None:
        """Something is missing or back; the microphone lamp goes on following the gate."""
        with self._lock:
            if there == (trouble in self._troubles):
                return
            self._troubles ^= {trouble}
            self._announced = False
            if trouble is Trouble.CONTROL:
                self._recovery = False  # nobody would take the password
            self._light()
        if there and trouble is not Trouble.HEADSET:  # without it there is no ear
            self._play(cue(Cue.FAULT))

    def show_test(self, *, microphone_runs: bool) -> None:
        """Self-test or headset check have the microphone running, or no more."""
        with self._lock:
            self._testing = microphone_runs
            self._announced = False
            self._light()

    def show_lamp(self, lamp: Lamp | None) -> None:
        """Somebody looks whether this lamp can be lit: it blinks, whatever else it had to tell."""
        with self._lock:
            self._looked_at = lamp
            self._announced = False
            self._light()

    def show_announcement(self) -> bool:
        """A watched call has begun. Whether this is the moment to say so: idle, or listening with
        the gate closed. It is shown until `end_announcement`, or until something else happens.
        """
        with self._lock:
            calm = self._phase in (Phase.IDLE, Phase.LISTENING) and self._gate is Gate.CLOSED
            if not calm or self._testing or self._looked_at:
                return False
            self._announced = True
            self._light()
        self._play(cue(Cue.WATCHED))
        return True

    def end_announcement(self) -> None:
        """It has been shown for long enough."""
        with self._lock:
            if self._announced:
                self._announced = False
                self._light()

    def show_recovery(self, on: bool) -> None:
        """A password can be set anew at the box, in idle, or no more."""
        with self._lock:
            self._recovery = on and self._phase is Phase.IDLE
            self._light()

    def _light(self) -> None:
        microphone, status = RECOVERY if self._recovery else LAMPS[self._phase]
        if self._announced:
            status = ANNOUNCED
        if self._gate is Gate.OPEN or self._testing:
            microphone = LampPattern.ON
        if self._troubles and self._phase not in (Phase.STARTING, Phase.RECONNECTING):
            status = LampPattern.FAST_DOUBLE_BLINK
        if self._looked_at is Lamp.STATUS:
            status = LOOKED_AT
        elif self._looked_at is Lamp.MICROPHONE and microphone is LampPattern.OFF:
            microphone = LOOKED_AT
        self._panel.show(microphone=microphone, status=status)
        self._changed()
