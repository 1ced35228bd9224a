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
from appliance.audio.settings import AudioSettings
from appliance.audio.step import SOONER_S, Step

TURN_S = 0.2
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
        self._took_at = time.monotonic()
        self._step = Step(self.period_frames, self.buffer_frames, self._took_at)
        self._ready_early = False
        """Whether poll() says "ready" before a period is free."""

    def turn(self, source: PlaybackSource) -> bool:
        """Wait for room, at most 0.2 s, and fill it in one write; whether it had run dry before.

        Raises `HeadsetError` when the device is gone, or takes nothing any more.
        """
        if self._ready_early and (left := self._step.due - time.monotonic()) > 0:
            time.sleep(left)
        asked = time.monotonic()
        ready = self.wait(TURN_S)
        now = time.monotonic()
        # Whose poll() waits need not be slept for, whatever it said once.
        self._ready_early &= now - asked < SOONER_S
        room = self.available()
        ran_dry = room == -errno.EPIPE
        if ran_dry:
            room = self.buffer_frames
        # Whole periods, or what the source has left of its last block waits there, up to 10 ms.
        whole = room - room % self.period_frames
        if whole:
            self._step.found(whole, now)
            ran_dry |= self._fill(source, whole)
        elif now - self._took_at > STALLED_AFTER_S:
            raise HeadsetError(
                f"the headset's earpiece ({self.name}) has stopped playing; it is opened again",
                code="headset_stalled",
            )
        elif ready:
            self._ready_early = True
            self._step.in_vain(now)
        return ran_dry

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
