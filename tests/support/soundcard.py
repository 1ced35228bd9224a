"""The virtual sound card for tests, and small parts to play into it and to listen with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.headset import Headset, PlaybackSource
from appliance.audio.levels import SILENCE_DBFS, tone_dbfs
from appliance.audio.settings import AudioSettings
from appliance.control_link.states import HeadsetState
from appliance.demo.soundcard import HEADSET, VirtualCard

SAMPLE_RATE = 48_000


@contextmanager
def card_of_this_process(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualCard]:
    """A running card, which ALSA in this very process sees as ``bargebox_headset``."""
    with VirtualCard(directory) as card:
        for name, value in card.environment().items():
            monkeypatch.setenv(name, value)
        yield card


VIRTUAL = AudioSettings(headset=HEADSET)


@contextmanager
def running_headset(
    source: PlaybackSource,
    settings: AudioSettings = VIRTUAL,
    on_change: Callable[[HeadsetState], None] = lambda _state: None,
) -> Iterator[Headset]:
    """A started headset, stopped in the end."""
    headset = Headset(settings, source, on_change)
    headset.start()
    try:
        yield headset
    finally:
        headset.stop()


def sine(frequency: float, level: float = -12.0, seconds: float = 1.0) -> NDArray[np.int16]:
    """Mono, 48 kHz; with whole periods it loops without a seam."""
    time_axis = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    amplitude = 32767 * 10 ** (level / 20)
    return np.round(amplitude * np.sin(2 * np.pi * frequency * time_axis)).astype(np.int16)


def tone_level(samples: NDArray[np.int16], frequency: float) -> float:
    """Median dBFS of the tone over pieces of 50 ms: a glitch on a busy machine turns the phase,
    which would make the tone cancel itself in one long measurement.
    """
    piece = SAMPLE_RATE // 20
    starts = range(0, len(samples) - piece + 1, piece)
    levels = [tone_dbfs(samples[start : start + piece], frequency) for start in starts]
    return float(np.median(levels)) if levels else SILENCE_DBFS


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait until it holds; the limit is for a machine that is very busy."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class ToneSource:
    """A playback source: an endless sine whose frequency may be changed; counts what it gave."""

    def __init__(self, frequency: float, level: float = -12.0) -> None:
        self.frequency = frequency
        self.pulled = 0
        self._amplitude = 32767 * 10 ** (level / 20)

    def pull(self, frames: int, channels: int, /) -> NDArray[np.int16]:
        turns = (self.pulled + np.arange(frames)) * self.frequency / SAMPLE_RATE
        self.pulled += frames
        mono = (self._amplitude * np.sin(2 * np.pi * turns)).astype(np.int16)
        return np.repeat(mono[:, np.newaxis], channels, axis=1)


class Recorder:
    """A capture sink that keeps everything."""

    def __init__(self) -> None:
        self.blocks: list[NDArray[np.int16]] = []
        self.times: list[float] = []
        self.thread: threading.Thread | None = None

    def push(self, block: NDArray[np.int16], at: float, /) -> None:
        self.thread = threading.current_thread()
        self.blocks.append(block)
        self.times.append(at)

    @property
    def samples(self) -> int:
        return sum(map(len, list(self.blocks)))

    def last(self, seconds: float) -> NDArray[np.int16]:
        """The latest *seconds*, mono."""
        return np.concatenate(list(self.blocks))[-round(seconds * SAMPLE_RATE) :]
