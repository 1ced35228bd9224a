"""Playback: sound is pulled from its source only when the headset has room for it.

So the delay is ALSA's buffer and nothing else: what a stalled headset did not take was never
made, and the source (the jitter buffer) drops what has become too old.
"""

from __future__ import annotations

import errno
import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.audio.errors import HeadsetError
from appliance.audio.pcm import BYTES_PER_SAMPLE, Pcm, Waker
from appliance.audio.settings import SAMPLE_RATE, AudioSettings

TURN_S = 0.2
STEP_S = 0.001
"""From one look that was too soon to the next."""
ASIDE_S = 0.0015
"""How long after the moment at which room comes it is looked for. At that moment itself the
microphone's thread and the card's own wake, and each would wait for the others' locks.
"""
FOUND_TURNS = 1_000
"""After so many (10 s) the step is sought anew."""
STALLED_AFTER_S = 2.0
"""A headset that takes nothing for so long, without an error either, is closed and opened."""


class PlaybackSource(Protocol):
    """Where the sound in the ear comes from."""

    def pull(self, frames: int, channels: int, /) -> NDArray[np.int16]:
        """Shape ``(frames, channels)``; called in the playback thread; never blocks."""


class PlaybackStream(Pcm):
    """The earpiece's stream, stereo where the device offers it."""

    def __init__(self, name: str, settings: AudioSettings, waker: Waker) -> None:
        super().__init__(name, "playback", 2, settings.period_frames, settings.periods, waker)
        self._took_at = self._due = time.monotonic()
        self._ready_early = False
        """Whether poll() says "ready" before a period is free, as ALSA's pulse plugin does."""
        self._seeking = True
        """Whether each look is sooner than the one before, until one is too soon."""
        self._too_soon_at: float | None = None
        """When the look before this one was, where it was too soon."""
        self._tick = self.period_frames
        """Frames that come free at once: a sound server's own turn may be longer than a period."""
        self._turns = 0
        """Since the step was found."""

    def turn(self, source: PlaybackSource) -> bool:
        """Wait for room, at most 0.2 s, and fill it in one write; whether it had run dry before.

        Raises `HeadsetError` when the device is gone, or takes nothing any more.
        """
        if self._ready_early:
            self._sleep_until_due()
        ready = self.wait(TURN_S)
        room = self.available()
        ran_dry = room == -errno.EPIPE
        if ran_dry:
            room = self.buffer_frames
        # Whole periods, or what the source has left of its last block waits there, up to 10 ms.
        whole = room - room % self.period_frames
        if whole:
            self._is_due_again(whole)
            ran_dry |= self._fill(source, whole)
        elif time.monotonic() - self._took_at > STALLED_AFTER_S:
            raise HeadsetError(
                f"the headset's earpiece ({self.name}) has stopped playing; it is opened again",
                code="headset_stalled",
            )
        elif ready:
            self._was_ready_early()
        return ran_dry

    def _sleep_until_due(self) -> None:
        left = self._due - time.monotonic()
        if left > 0:
            time.sleep(left)

    def _was_ready_early(self) -> None:
        self._ready_early = True
        now = time.monotonic()
        if now >= self._due:
            self._due = now + STEP_S
            self._seeking, self._turns, self._too_soon_at = False, 0, now

    def _is_due_again(self, room: int) -> None:
        """In step with the card. What finds more than came at once has lost the step, and the step
        is sought now and then all the same, as the card's clock is another.
        """
        now, soon = time.monotonic(), self._too_soon_at
        if soon is not None and now - soon < 2 * STEP_S:
            self._tick = max(room, self.period_frames)
        self._turns += 1
        self._seeking |= room > self._tick or self._turns > FOUND_TURNS
        self._due = min(self._due, now) + min(room, self._tick) / SAMPLE_RATE
        if self._seeking:
            self._due -= STEP_S
        elif soon is not None:
            self._due += ASIDE_S
        self._too_soon_at = None

    def _fill(self, source: PlaybackSource, room: int) -> bool:
        """Whether it had run dry."""
        block = source.pull(room, self.channels).tobytes()
        written = self.write(block)
        ran_dry = written == -errno.EPIPE
        if ran_dry:
            # The buffer is empty now: this block again, and at once as much more as fits.
            missing = self.buffer_frames - len(block) // (self.channels * BYTES_PER_SAMPLE)
            if missing > 0:
                block += source.pull(missing, self.channels).tobytes()
            written = self.write(block)
        # A short write drops the rest: played later it would only add delay.
        if written > 0:
            self._took_at = time.monotonic()
        return ran_dry
