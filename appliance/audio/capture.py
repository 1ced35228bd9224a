"""Capture: the microphone's stream exists only while somebody listens to it.

Muted means closed, not paused: closing and opening costs about a millisecond more than stopping
and starting, and an ALSA stream that is open and prepared may already record (the pulse plugin
does), so nothing less is proof.
"""

from __future__ import annotations

import errno
import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.audio.pcm import Pcm, Waker
from appliance.audio.settings import SAMPLE_RATE

PERIOD_FRAMES = SAMPLE_RATE // 50
"""A packet's worth, 20 ms: none can leave before so much is there, so why wake for less."""
PERIODS = 8
"""In ALSA's buffer."""
STALE_S = 0.08
"""Sound that waited longer (this thread was held up) is thrown away: live speech has no past."""


class CaptureSink(Protocol):
    """Where the microphone's sound goes."""

    def push(self, block: NDArray[np.int16], at: float, /) -> None:
        """Mono, shape ``(frames,)``, at most a period, with the monotonic time of its first
        sample in seconds; called in the capture thread; never blocks.
        """


class CaptureStream(Pcm):
    """The microphone's stream, mono; it runs from the moment it is made until it is closed."""

    def __init__(self, name: str, waker: Waker) -> None:
        super().__init__(name, "capture", 1, PERIOD_FRAMES, PERIODS, waker)
        self.discarded = 0
        self._started = False

    def take(self, seconds: float) -> list[tuple[NDArray[np.int16], float]]:
        """The blocks that are there, oldest first, each with the time of its first sample.

        Waits at most *seconds* for the first. Raises `HeadsetError` when the device is gone.
        """
        ready, there = False, 0
        periods = self.buffer_frames // self.period_frames
        if self._started:
            ready = self.wait(seconds)
            there = self.available()
            if there > STALE_S * SAMPLE_RATE:
                self._start_anew()
                there = 0
            elif ready and there >= 0:
                periods = there // self.period_frames
        # Hardware starts with the first read, which finds nothing yet.
        self._started = True
        blocks: list[NDArray[np.int16]] = []
        while len(blocks) < periods:
            count, data = self.read()
            if count == -errno.EPIPE:
                self._start_anew()
                return []
            if count == 0:
                break
            blocks.append(np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False))
        if ready and not blocks:
            # ALSA's pulse plugin counts what was read of a server's turn as still to be read.
            self.pause_after_empty_turn(self.period_frames - max(0, there))
        waiting = max(0, there - sum(map(len, blocks)))
        return _dated(blocks, time.monotonic() - waiting / SAMPLE_RATE)

    def _start_anew(self) -> None:
        self.discarded += 1
        self.discard()
        self._started = False


def _dated(blocks: list[NDArray[np.int16]], end: float) -> list[tuple[NDArray[np.int16], float]]:
    """The last sample came at *end*; each block began so much earlier as sound came after."""
    dated = []
    left = sum(map(len, blocks))
    for block in blocks:
        dated.append((block, end - left / SAMPLE_RATE))
        left -= len(block)
    return dated
