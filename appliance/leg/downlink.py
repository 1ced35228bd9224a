"""The downlink: the call from the jitter buffer, volume, and earcons mixed below it."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from appliance.audio.levels import SILENCE_DBFS, dbfs
from appliance.leg.jitter import BLOCK, JitterBuffer
from appliance.leg.opus import Samples

MAX_CUES = 4
"""Earcons that may be queued, the one that is heard included."""


class Downlink:
    """The headset's playback source. `pull` is called in the playback thread and never blocks
    longer than a packet takes to decode; everything else may be called from any thread.
    """

    def __init__(self, volume: int) -> None:
        self._lock = threading.Lock()
        self._streams: tuple[JitterBuffer, ...] = ()
        self._rest: Samples = np.zeros(0, np.int16)
        self._cues: deque[Samples] = deque()
        self._level = SILENCE_DBFS
        self._gain = 0.0
        self.volume = 0
        self.set_volume(volume)

    def set_volume(self, percent: int) -> None:
        """Square law: 50 % is −12 dB, 0 is silence."""
        self.volume = percent
        self._gain = (percent / 100) ** 2

    def connect(self, *streams: JitterBuffer) -> None:
        """Play these streams from now on, mixed: most platforms send one, some one a party."""
        with self._lock:
            self._streams = streams
            self._rest = np.zeros(0, np.int16)

    def disconnect(self) -> None:
        """Nothing but earcons from now on."""
        with self._lock:
            self._streams = ()
            self._rest = np.zeros(0, np.int16)
        self._level = SILENCE_DBFS

    def play(self, samples: Samples) -> None:
        """Queue an earcon. When full the oldest that waits gives way: what the ear hears last
        must be what happened last.
        """
        with self._lock:
            if len(self._cues) >= MAX_CUES:
                del self._cues[1]
            self._cues.append(samples)

    @property
    def level(self) -> float:
        """dBFS of the call itself, before volume and earcons."""
        return self._level

    def pull(self, frames: int, channels: int) -> NDArray[np.int16]:
        """The next *frames* samples for the headset, shape ``(frames, channels)``."""
        with self._lock:
            mixed = self._call(frames).astype(np.float32) * self._gain
            self._mix_cues(mixed)
        np.clip(mixed, -32768, 32767, out=mixed)
        mono = mixed.astype(np.int16)
        return np.repeat(mono[:, np.newaxis], channels, axis=1)

    def _call(self, frames: int) -> Samples:
        if not self._streams:
            return np.zeros(frames, np.int16)
        parts = [self._rest]
        have = len(self._rest)
        while have < frames:
            parts.append(_mixed([stream.pop() for stream in self._streams]))
            have += BLOCK
        audio = np.concatenate(parts)
        self._rest = audio[frames:]
        self._level = dbfs(audio[:frames])
        return audio[:frames]

    def _mix_cues(self, mixed: NDArray[np.float32]) -> None:
        start = 0
        while self._cues and start < len(mixed):
            head = self._cues.popleft()
            count = min(len(head), len(mixed) - start)
            mixed[start : start + count] += head[:count]
            start += count
            if count < len(head):
                self._cues.appendleft(head[count:])


def _mixed(blocks: list[Samples]) -> Samples:
    if len(blocks) == 1:
        return blocks[0]
    total = np.sum(blocks, axis=0, dtype=np.int32)
    return np.clip(total, -32768, 32767).astype(np.int16)
