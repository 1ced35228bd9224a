"""What the panel's buttons do. Closing and leaving need nobody; opening needs control's consent.

The listener methods are called from panel threads. Each press is numbered and kept until control
has it in the audit log, so that presses made while control is away are told later.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from appliance.control_link.base import Message
from appliance.control_link.events import Pressed, UnmuteRequested
from appliance.control_link.states import Press
from appliance.control_link.words import Action, Button, EndReason, Gate, Media
from appliance.leg.cues import Cue, cue
from appliance.leg.gate import GateError
from appliance.leg.leg import Leg

MAX_PRESSES = 1_000
"""Presses kept for a control process that is away; the oldest is dropped. All of them must fit
into the one line of a snapshot, or control could never connect again."""
TALK_HOLD_S = 0.4
"""Held so long, a press that opened the gate was push-to-talk, if the setting says so."""


class Presses:
    """The panel's listener. *emit* is called on the loop through *soon*."""

    def __init__(
        self,
        leg: Leg,
        *,
        push_to_talk: bool,
        emit: Callable[[Message], None],
        soon: Callable[..., None],
        control_is_there: Callable[[], bool],
    ) -> None:
        self._leg = leg
        self._push_to_talk = push_to_talk
        self._emit = emit
        self._soon = soon
        self._control_is_there = control_is_there
        self._lock = threading.Lock()
        self._kept: deque[Press] = deque(maxlen=MAX_PRESSES)
        self._number = 0
        self._opening_press = False
        self._listened_at_hang_up = False
        self._begun_in_idle = dict.fromkeys(Button, True)

    # -- kept presses

    def kept(self) -> list[Press]:
        """All presses that control has not acknowledged, oldest first."""
        with self._lock:
            return list(self._kept)

    def acknowledge(self, through: int) -> None:
        """Control has these on record."""
        with self._lock:
            while self._kept and self._kept[0].number <= through:
                self._kept.popleft()

    def _keep(self, button: Button, action: Action, at: float, session_id: str | None) -> None:
        with self._lock:
            self._number += 1
            press = Press(
                number=self._number, at=at, button=button, action=action, session_id=session_id
            )
            self._kept.append(press)
        self._soon(self._emit, Pressed(press=press))

    def _session(self) -> str | None:
        call = self._leg.call
        return call.session_id if call is not None else None

    # -- the microphone button

    def microphone_edge(self, at: float) -> bool:
        """First edge: mute at once if there is anything to mute; else a check may take it."""
        self._begun_in_idle[Button.MICROPHONE] = self._leg.call is None
        if not self._close(at):
            return self._leg.checks.pressed(Button.MICROPHONE)
        self._opening_press = False
        return True

    def _close(self, at: float) -> bool:
        session_id = self._session()  # asked first: the call may end in the loop's thread
        before = self._leg.gate.close("button")
        if before is Gate.CLOSED:
            return False
        action = Action.MUTED if before is Gate.OPEN else Action.UNMUTE_CANCELLED
        self._keep(Button.MICROPHONE, action, at, session_id)
        return True

    def microphone_pressed(self, at: float) -> None:
        """A stable press on a closed gate: ask for consent."""
        aside = self._leg.aside.goes_on()  # asked of each press, for each makes it last
        call = self._leg.call
        if call is None:
            self._keep(Button.MICROPHONE, Action.IGNORED, at, None)
            return
        if aside or call.media is not Media.CONNECTED or not self._control_is_there():
            self._refused(at, call.session_id)
            return
        try:
            epoch = self._leg.consent.prepare("button")
        except GateError:
            self._refused(at, call.session_id)
            return
        self._opening_press = True
        self._keep(Button.MICROPHONE, Action.UNMUTE_ASKED, at, call.session_id)
        self._soon(self._emit, UnmuteRequested(session_id=call.session_id, epoch=epoch))

    def _refused(self, at: float, session_id: str) -> None:
        self._leg.downlink.play(cue(Cue.REFUSED))
        self._keep(Button.MICROPHONE, Action.UNMUTE_REFUSED, at, session_id)

    def microphone_released(self, at: float, held: float) -> None:
        """The end of push-to-talk, where the setting says so."""
        was_talk, self._opening_press = self._opening_press, False
        if self._push_to_talk and was_talk and held >= TALK_HOLD_S:
            self._close(at)

    # -- the hang-up button

    def hang_up_pressed(self, at: float) -> None:
        """Mute in this thread, then leave."""
        call = self._leg.call
        self._leg.gate.close("end")
        self._begun_in_idle[Button.HANG_UP] = call is None
        self._listened_at_hang_up = call is not None and call.media is Media.CONNECTED
        if call is None:
            if not self._leg.checks.pressed(Button.HANG_UP):
                self._leg.aside.goes_on()
                self._keep(Button.HANG_UP, Action.IGNORED, at, None)
            return
        self._keep(Button.HANG_UP, Action.HUNG_UP, at, call.session_id)
        self._soon(self._leg.end, call.session_id, EndReason.HUNG_UP)

    def hang_up_held(self, at: float) -> None:
        """Held on after leaving a call: the next interaction of the list."""
        if self._listened_at_hang_up:
            self._listened_at_hang_up = False
            self._keep(Button.HANG_UP, Action.NEXT_ASKED, at, None)

    def both_held(self, at: float) -> None:
        """Both for 10 s, in idle only: provisioning mode. A press that left a call, or muted in
        it, meant that and nothing more.
        """
        idle = self._leg.call is None and self._leg.checks.running is None
        if idle and all(self._begun_in_idle.values()):
            self._keep(Button.HANG_UP, Action.PROVISIONING_ASKED, at, None)
