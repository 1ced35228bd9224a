"""When the playback thread looks for room, at a card of exact time: ALSA's pulse plugin as it is,
"ready" with a frame less than a period, which frees whole periods and has one frame less over.
"""

from __future__ import annotations

import errno
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio import pcm, playback
from appliance.audio.playback import PlaybackStream
from appliance.audio.step import ASIDE_S, SOONER_S, Step

PERIOD, RATE = 480, 48_000
OVERSLEPT_S = 0.0001
PULL_S = 0.001
LATE_S = SOONER_S + ASIDE_S + PULL_S + 2 * OVERSLEPT_S


class Card(PlaybackStream):
    """Begins to play with the first write; *now* moves by sleeping and pulling only."""

    def __init__(self, periods: int, fast_ppm: float = 0.0, tick: int = PERIOD) -> None:
        self.name = "card"
        self.rate = RATE * (1 + fast_ppm * 1e-6)
        self.frees = tick
        """Frames that come free at once."""
        self.now = self._took_at = 0.0
        self._ready_early = False
        self.period_frames, self.buffer_frames, self.channels = PERIOD, periods * PERIOD, 2
        self._step = Step(PERIOD, self.buffer_frames, self.now)
        self.begun: float | None = None
        self.given = 0
        self.late: list[float] = []
        """How long (s) each written room had been free."""
        self.sleeps = self.looks = self.dry = 0

    def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.now += seconds + OVERSLEPT_S

    def pull(self, frames: int, channels: int, /) -> NDArray[np.int16]:
        self.now += PULL_S
        return np.zeros((frames, channels), np.int16)

    def wait(self, seconds: float) -> bool:
        return True

    def available(self) -> int:
        self.looks += 1
        if self.begun is None:
            return self.buffer_frames + PERIOD - 1
        played = int((self.now - self.begun) * self.rate + 1e-3) // self.frees * self.frees
        room = self.buffer_frames - (self.given - played)
        if room > self.buffer_frames:
            self.dry += 1
            self.begun, self.given = None, 0
            return -errno.EPIPE
        return room + PERIOD - 1

    def write(self, frames: bytes) -> int:
        count = len(frames) // 4
        if self.begun is None:
            self.begun = self.now
        else:
            free_at = self.begun + (self.given + count - self.buffer_frames) / self.rate
            self.late.append(self.now - free_at)
        self.given += count
        return count


def played(monkeypatch: pytest.MonkeyPatch, card: Card, seconds: float) -> None:
    clock = SimpleNamespace(monotonic=lambda: card.now, sleep=card.sleep)
    monkeypatch.setattr(playback, "time", clock)
    monkeypatch.setattr(pcm, "time", clock)
    end = card.now + seconds
    while card.now < end:
        card.turn(card)


@pytest.mark.parametrize("periods", [3, 4, 8])
def test_one_sleep_and_one_look_a_period_and_no_write_late(
    monkeypatch: pytest.MonkeyPatch, periods: int
) -> None:
    card = Card(periods)
    played(monkeypatch, card, 20.0)
    assert card.dry == 0
    assert max(card.late) < LATE_S
    assert len(card.late) > 1_990  # never two periods at once
    assert card.sleeps < 1.01 * len(card.late)
    assert card.looks < 1.02 * len(card.late)


@pytest.mark.parametrize("ppm", [500, -500])
def test_a_card_whose_clock_is_another_is_followed(
    monkeypatch: pytest.MonkeyPatch, ppm: int
) -> None:
    card = Card(4, ppm)
    played(monkeypatch, card, 90.0)
    assert card.dry == 0
    assert max(card.late) < PERIOD / RATE + LATE_S
    assert card.looks < 1.02 * len(card.late)


@pytest.mark.parametrize("tick", [2 * PERIOD, 1_024])
def test_a_server_with_turns_of_its_own_is_not_looked_at_without_end(
    monkeypatch: pytest.MonkeyPatch, tick: int
) -> None:
    card = Card(8, tick=tick)
    played(monkeypatch, card, 20.0)
    assert card.dry == 0
    assert card.looks < 4 * 20 * RATE / tick


def test_a_thread_that_was_held_up_is_in_step_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Card(4)
    for held_up_s in (0.025, 0.2, 3.0):
        played(monkeypatch, card, 1.0)
        card.now += held_up_s
        played(monkeypatch, card, 0.1)
        card.late.clear()
        played(monkeypatch, card, 1.0)
        assert max(card.late) < LATE_S
        assert len(card.late) >= 99


def test_a_buffer_that_ran_dry_is_no_turn_of_the_card_s() -> None:
    """Who slept for so long would let it run dry for ever."""
    step = Step(PERIOD, 4 * PERIOD, 0.0)
    step.in_vain(0.0)
    step.found(4 * PERIOD, SOONER_S)
    assert step.due <= SOONER_S + 2 * PERIOD / RATE + ASIDE_S


def test_a_server_that_was_held_up_once_has_no_longer_turns_for_that() -> None:
    step = Step(PERIOD, 4 * PERIOD, 0.0)
    step.in_vain(0.0)
    step.found(2 * PERIOD, SOONER_S)
    assert step.due <= SOONER_S + PERIOD / RATE + ASIDE_S
