"""From a press to an open gate: the microphone's stream, consent, and who waits for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from appliance.leg.gate import GateError, MicrophoneGate, Transition
from appliance.leg.openings import Openings


class Consent:
    """Asks for consent within a limited time. *play* plays an earcon, *flush*
    forgets what waits to be sent, *soon* takes a call to the
    loop from any thread, *has_headset* says whether there is one.
    """

    def __init__(
        self,
        gate: MicrophoneGate,
        limit_s: float,
        *,
        play: Callable[[Samples], None],
        flush: Callable[[], None],
        soon: Callable[..., None],
        has_headset: Callable[[], bool],
    ) -> None:
        self._gate = gate
        self._limit_s = limit_s
        self._play = play
        self._flush = flush
        self._soon = soon
        self._has_headset = has_headset
        self._openings = Openings()
        self._timer: asyncio.TimerHandle | None = None
        self._awaited_epoch = -1

    def prepare(self, cause: str, only: int | None = None) -> int:
        """Start the microphone and wait for consent; the epoch to consent to. Any thread.

        Of an open gate others are to hear from now on: what is not sent yet was not for them.
        Raises `GateError` without a connected call or a headset, and where the epoch is not *only*.
        """
        if not self._has_headset():
            raise GateError("the headset is not plugged in", code="headset_lost")
        was_open = self._gate.state is Gate.OPEN
        epoch = self._gate.prepare(cause, only)
        if was_open:
            self._flush()
        self._soon(self._await, epoch)
        return epoch

    def _await(self, epoch: int) -> None:
        if epoch <= self._awaited_epoch:
            return  # asked for once more: the microphone waits no longer for that
        self._awaited_epoch = epoch
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limit_s, self._overdue, epoch)

    def _overdue(self, epoch: int) -> None:
        if self._gate.state is not Gate.OPENING:
            return
        if self._gate.has_frame:
            self.refuse(epoch, "timeout")
        elif self._gate.close("timeout", epoch) is not Gate.CLOSED:
            self._play(cue(Cue.FAULT))  # nobody refused: the microphone gave no sound

    def refuse(self, epoch: int, cause: str) -> None:
        """The un-mute of this epoch is refused: closed, with the refusal tone. Any thread."""
        if self._gate.close(cause, epoch) is not Gate.CLOSED:
            self._play(cue(Cue.REFUSED))

    async def give(self, epoch: int, audience: Audience, *, may_send: bool) -> None:
        """Consent is given; returns when the gate is open.

        Raises `GateError` (``stale``, ``headset_lost``, ``not_connected``) when it came to nothing,
        as it does where the platform takes no sound (*may_send*).
        """
        if self._gate.state is not Gate.CLOSED and not may_send:
            self.refuse(epoch, "refused")
            raise GateError("the platform takes no sound from this leg", code="not_connected")
        self._gate.consent(epoch, audience)
        if self._gate.state is not Gate.OPEN:
            await self._openings.wait(epoch)

    def settle(self, moved: Transition) -> None:
        """The gate has moved; on the loop."""
        self._openings.settle(moved)
