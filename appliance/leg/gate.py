"""The gate: the single place in the uplink where the microphone's audio may pass.

closed → opening → open, and from anywhere back to closed at once, from any thread, without
asking anybody. Each closing (and each arming) begins a new *epoch*; consent is given for an
epoch, so consent that comes after a closing opens nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from appliance.control_link.words import Audience, Gate
from appliance.service.errors import BargeboxError

T = TypeVar("T")

MAX_UNREAD = 4096
"""Transitions kept for a loop that does not read them; the oldest is dropped."""


class GateError(BargeboxError):
    """The gate may not open (``stale``, ``not_in_call``)."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One move of the gate, with its cause and its monotonic time in seconds."""

    session_id: str
    gate: Gate
    audience: Audience
    epoch: int
    cause: str
    at: float


class _Follower(Generic[T]):
    """Brings something outside in line with the gate, also when movers race."""

    def __init__(self, act: Callable[[T], None], initial: T) -> None:
        self._act = act
        self._lock = threading.Lock()
        self._followed = initial

    def follow(self, wanted: Callable[[], T]) -> None:
        # Read inside the lock: whoever comes last sees, and sets, the latest state.
        with self._lock:
            latest = wanted()
            if latest != self._followed:
                self._act(latest)
                self._followed = latest


class MicrophoneGate:
    """Thread-safe. After each move, in the mover's thread, *show(gate)* sets the lamp and
    *capture(on)* starts or stops the microphone stream; both must return at once. *wake()* tells
    the loop that `transitions` has something to read.
    """

    def __init__(
        self,
        show: Callable[[Gate], None],
        capture: Callable[[bool], None],
        wake: Callable[[], None],
    ) -> None:
        self._show = _Follower(show, Gate.CLOSED)
        self._capture: _Follower[int | None] = _Follower(self._run_capture, None)
        self._capture_act = capture
        self._captures = False
        self._wake = wake
        self._lock = threading.Lock()
        self._session_id: str | None = None
        self._state = Gate.CLOSED
        self._consented = False
        self._consented_at = math.inf
        self._has_frame = False
        self._epoch = 0
        self._audience = Audience.EVERYONE
        self._unread: deque[Transition] = deque(maxlen=MAX_UNREAD)

    @property
    def state(self) -> Gate:
        """The state now; reading it needs no lock."""
        return self._state

    @property
    def epoch(self) -> int:
        """The number that consent must carry."""
        return self._epoch

    @property
    def has_frame(self) -> bool:
        """Whether the microphone has given sound since the gate began to open."""
        return self._has_frame

    @property
    def consented_at(self) -> float:
        """When consent came for this epoch (monotonic, s); never yet where it has not."""
        return self._consented_at if self._consented else math.inf

    @property
    def audience(self) -> Audience:
        """Who hears, or would hear, an open gate."""
        return self._audience

    def arm(self, session_id: str) -> None:
        """Allow opening for this session; the gate stays closed."""
        with self._lock:
            self._session_id = session_id
            self._epoch += 1

    def disarm(self, cause: str) -> None:
        """Close, and open for nobody until armed again."""
        with self._lock:
            # In one step: a press in between would find the gate armed, and start the microphone
            # for an epoch that no consent and no time-out knows any more.
            self._shut(cause)
            self._session_id = None
            self._epoch += 1
        self._let_follow()

    def prepare(self, cause: str, only: int | None = None) -> int:
        """Start the microphone and wait for consent; returns the epoch. Idempotent.

        With the epoch *only*, nothing is started once the gate was closed since. Raises `GateError`
        then (``stale``), and when no call is connected.
        """
        with self._lock:
            if self._session_id is None:
                raise GateError("there is no connected call to speak into", code="not_in_call")
            if only is not None and (only != self._epoch or self._state is Gate.CLOSED):
                raise GateError("the microphone was muted meanwhile", code="stale")
            if self._state is Gate.CLOSED:
                self._consented = self._has_frame = False
                self._move(Gate.OPENING, cause)
            epoch = self._epoch
        self._let_follow()
        return epoch

    def consent(self, epoch: int, audience: Audience, cause: str = "control") -> None:
        """Platform and policy agree: open as soon as the microphone's first frame is there.

        While open it changes the audience only. Raises `GateError` (``stale``) when the gate
        has been closed since *epoch* was given out.
        """
        with self._lock:
            if epoch != self._epoch or self._state is Gate.CLOSED:
                raise GateError("the microphone was muted meanwhile", code="stale")
            changed = audience is not self._audience
            self._audience = audience
            if self._state is Gate.OPEN:
                if changed:
                    self._move(Gate.OPEN, cause)
            else:
                # In this order: who reads without the lock never sees an earlier opening's moment.
                self._consented_at = time.monotonic()
                self._consented = True
                if self._has_frame:
                    self._move(Gate.OPEN, cause)
        self._let_follow()

    def frame_ready(self, epoch: int | None = None) -> bool:
        """The microphone's frame is there (capture thread); true if it may pass now. With *epoch*,
        only if that is still the one.
        """
        opened = False
        with self._lock:
            if epoch is not None and epoch != self._epoch:
                return False
            if self._state is Gate.OPENING:
                self._has_frame = True
                if self._consented:
                    self._move(Gate.OPEN, "control")
                    opened = True
            passes = self._state is Gate.OPEN
        if opened:
            # Not the capture: its thread is the one that is here, and it runs already.
            self._show.follow(lambda: self._state)
            self._wake()
        return passes

    def close(self, cause: str, epoch: int | None = None) -> Gate:
        """Mute now; returns what the gate was. With *epoch*, only if that is still the one."""
        with self._lock:
            before = self._state
            if before is Gate.CLOSED or (epoch is not None and epoch != self._epoch):
                return Gate.CLOSED
            self._shut(cause)
        self._let_follow()
        return before

    def withdraw(self, cause: str) -> Gate:
        """Close if consent was given; returns what the gate was, and ``CLOSED`` if it was not.

        For when what was consented to is gone. A gate that still waits for consent lets nothing
        pass, and may go on waiting.
        """
        with self._lock:
            before = self._state
            if not self._consented:
                return Gate.CLOSED
            self._shut(cause)
        self._let_follow()
        return before

    def transitions(self) -> list[Transition]:
        """All moves not read yet, oldest first."""
        with self._lock:
            unread = list(self._unread)
            self._unread.clear()
        return unread

    def _shut(self, cause: str) -> None:
        if self._state is not Gate.CLOSED:
            self._epoch += 1
            self._consented = self._has_frame = False
            self._move(Gate.CLOSED, cause)

    def _move(self, state: Gate, cause: str) -> None:
        self._state = state
        self._unread.append(
            Transition(
                self._session_id or "", state, self._audience, self._epoch, cause, time.monotonic()
            )
        )

    def _let_follow(self) -> None:
        try:
            self._show.follow(lambda: self._state)
        finally:  # whatever the lamp does, the microphone is stopped
            self._capture.follow(self._captured_epoch)
            self._wake()

    def _captured_epoch(self) -> int | None:
        with self._lock:
            return None if self._state is Gate.CLOSED else self._epoch

    def _run_capture(self, epoch: int | None) -> None:
        # Stopped between two epochs, even where a second press comes before the microphone was
        # told of the first: what it gives belongs to one press.
        if self._captures:
            self._capture_act(False)
            self._captures = False
        if epoch is not None:
            self._captures = True
            self._capture_act(True)
