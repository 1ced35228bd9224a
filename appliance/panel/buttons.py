"""The two buttons: raw edges in, presses and holds out.

The first edge of a press reaches the listener in the thread that brought the edge, with no queue
and no thread switch between the finger and the gate. What needs time (a stable level, a hold,
the re-read of each second) is done by the one panel thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from appliance.control_link.words import Button
from appliance.panel.contact import Contact, Press, Reports
from appliance.panel.pins import ButtonInput

log = logging.getLogger(__name__)

HELD_S = 1.5
BOTH_HELD_S = 10.0
REREAD_S = 1.0
STOP_S = 2.0
KERNEL_DELAY_S = 1.0
"""An edge's own time is believed if it is at most this old; else it is of another clock."""


class PanelListener(Protocol):
    """Hears of presses, one at a time, from panel threads; every method must return at once.

    Times are seconds of the monotonic clock. No method may stop the panel.
    """

    def microphone_edge(self, at: float) -> bool:
        """First edge of a press, before any debounce. True: it was used (it closed the gate)."""

    def microphone_pressed(self, at: float) -> None:
        """The level is stable and still pressed, and the first edge was not used."""

    def microphone_released(self, at: float, held: float) -> None:
        """First edge of the release, once for each `microphone_edge`, *held* seconds after it."""

    def hang_up_pressed(self, at: float) -> None:
        """First edge of a press: leaving is always safe."""

    def hang_up_held(self, at: float) -> None:
        """Held alone for 1.5 s."""

    def both_held(self, at: float) -> None:
        """Both held for 10 s."""


class Buttons:
    """Watches both contacts. *well* tells whether the rest of the panel is; else no beat."""

    def __init__(
        self,
        inputs: Mapping[Button, ButtonInput],
        listener: PanelListener,
        *,
        well: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inputs = inputs
        self._listener = listener
        self._well = well
        self._clock = clock
        self._wake = threading.Condition()
        now = clock()
        self._microphone = Contact(
            Reports(
                listener.microphone_edge, listener.microphone_pressed, listener.microphone_released
            ),
            inputs[Button.MICROPHONE].is_down,
            now,
        )
        self._hang_up = Contact(
            Reports(self._hang_up_edge, lambda at: None, lambda at, held: None),
            inputs[Button.HANG_UP].is_down,
            now,
        )
        self._contacts = {Button.MICROPHONE: self._microphone, Button.HANG_UP: self._hang_up}
        self._next_reread = now + REREAD_S
        self._hang_up_told: Press | None = None
        self._both_told: tuple[Press, Press] | None = None
        self._stopping = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)
        self.beats = 0

    def start(self) -> None:
        """Begin to listen. A contact that is down already is ignored until it is released."""
        self.watch()
        self._thread.start()

    def watch(self) -> None:
        """Hear edges; the caller sees to the turns."""
        for button, contact in self._inputs.items():
            contact.watch(partial(self._edge, button))

    def stop(self) -> None:
        """Listen no more; the listener is not called after this returns."""
        for contact in self._inputs.values():
            contact.unwatch()
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def turn(self, now: float) -> None:
        """One turn of the panel thread: do what is due at *now*."""
        with self._in_order():
            for contact in self._contacts.values():
                contact.advance(now)
            self._holds(now)
            if now >= self._next_reread:
                self._next_reread = now + REREAD_S
                for contact in self._contacts.values():
                    contact.reread(now)
                if not self._failed and self._well():
                    self.beats += 1

    def due(self) -> float:
        """When the next turn is due."""
        hang_up_at, both_at = self._hold_times()
        contacts = (contact.due() for contact in self._contacts.values())
        return min(self._next_reread, hang_up_at, both_at, *contacts)

    def _run(self) -> None:
        with self._wake:
            while not self._stopping:
                self.turn(self._clock())
                self._wake.wait(max(0.0, self.due() - self._clock()))

    def _edge(self, button: Button, down: bool, at: float) -> None:
        """A raw edge, in the thread that saw it."""
        with self._in_order():
            if self._stopping:
                return
            now = self._clock()
            own_time = at if 0.0 <= now - at <= KERNEL_DELAY_S else now
            self._contacts[button].edge(down, own_time, now)
            self._wake.notify()

    @contextmanager
    def _in_order(self) -> Iterator[None]:
        """One report at a time. An exception goes on, and is never forgotten: no beat again."""
        with self._wake:
            sound = False
            try:
                yield
                sound = True
            finally:
                if not sound and not self._failed:
                    self._failed = True
                    log.critical("the panel's buttons failed")

    def _hang_up_edge(self, at: float) -> bool:
        self._listener.hang_up_pressed(at)
        return True

    def _hold_times(self) -> tuple[float, float]:
        """When the hang-up button, and when both, will have been held long enough."""
        microphone, hang_up = self._microphone.press, self._hang_up.press
        never = float("inf")
        if hang_up is None or not hang_up.is_hold:
            return never, never
        if microphone is None or not microphone.is_hold:
            told = self._hang_up_told is hang_up
            return (never if told else hang_up.began + HELD_S), never
        told = self._both_told == (microphone, hang_up)
        return never, never if told else max(microphone.began, hang_up.began) + BOTH_HELD_S

    def _holds(self, now: float) -> None:
        """Report holds, each once, and only if the contacts really read as pressed."""
        hang_up_at, both_at = self._hold_times()
        microphone, hang_up = self._microphone.press, self._hang_up.press
        if hang_up is not None and microphone is not None and microphone.is_hold:
            self._hang_up_told = hang_up  # held together is not held alone, whichever lets go first
        if now >= hang_up_at:
            self._hang_up_told = hang_up
            if self._hang_up.is_down():
                self._listener.hang_up_held(now)
        if now >= both_at and microphone is not None and hang_up is not None:
            self._both_told = (microphone, hang_up)
            if self._hang_up.is_down() and self._microphone.is_down():
                self._listener.both_held(now)
