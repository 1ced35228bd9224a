"""What is kept of the microphone's sound, alone: wiped, bounded, and passed on as it is."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.leg.codecs.opus import FRAME
from appliance.leg.uplink.preroll import FADE, PreRoll, speech_at
from tests.support.microphone import tone, voice

BLOCK = 480


def test_wiping_overwrites_also_what_was_moved_about() -> None:
    pre_roll = PreRoll(10 * FRAME)
    for _ in range(40):
        pre_roll.add(1, np.full(BLOCK, 7, np.int16), consented=True)
    assert pre_roll.begin(1)
    assert pre_roll.next(1) is not None
    pre_roll.wipe()
    assert not pre_roll._sound.any()
    assert pre_roll.next(1) is None
    assert not pre_roll.whole


def test_another_epoch_gets_nothing_of_what_was_kept() -> None:
    pre_roll = PreRoll(10 * FRAME)
    pre_roll.add(1, np.full(FRAME, 7, np.int16), consented=True)
    assert not pre_roll.begin(2)
    assert pre_roll.begin(1)
    assert pre_roll.next(2) is None
    pre_roll.add(2, np.full(BLOCK, 9, np.int16), consented=True)
    assert not pre_roll.whole
    assert pre_roll.next(1) is None


@pytest.mark.parametrize("size", [240, 336, 441, 480, 512, 960, 1024])
@pytest.mark.parametrize("level", [30, 9_000])
def test_without_a_wait_all_passes_as_it_is_whatever_the_blocks(size: int, level: int) -> None:
    rng = np.random.default_rng(size)
    sound = rng.integers(-level, level, 200 * size).astype(np.int16)
    pre_roll = PreRoll(20 * FRAME)
    frames = []
    for at in range(0, len(sound), size):
        pre_roll.add(1, sound[at : at + size], consented=True)
        pre_roll.begin(1)
        while (frame := pre_roll.next(1)) is not None:
            frames.append(frame)
    heard = np.concatenate(frames)
    begins = (-(-FRAME // size) * size - FRAME) if level < 100 else 0
    assert np.array_equal(heard[FADE:], sound[begins + FADE :][: len(heard) - FADE])
    assert len(sound) - begins - len(heard) < FRAME + size


def test_a_block_larger_than_everything_leaves_its_newest_end() -> None:
    pre_roll = PreRoll(0)
    pre_roll.add(1, np.arange(20_000, dtype=np.int16), consented=True)
    assert pre_roll.begin(1)
    frames = []
    while (frame := pre_roll.next(1)) is not None:
        frames.append(frame)
    assert [frame[-1] for frame in frames] == [19_999]


@pytest.mark.parametrize("quiet", [0, 30])
def test_speech_is_found_where_it_rises_over_the_room(quiet: int) -> None:
    rng = np.random.default_rng(2)
    room = rng.integers(-quiet, quiet + 1, 9_600).astype(np.int16)
    assert speech_at(room) == len(room)
    begins = 4_800
    assert speech_at(np.concatenate([np.zeros(2 * BLOCK, np.int16), room])) == len(room) + 2 * BLOCK
    spoken = room.copy()
    spoken[begins:] += voice(len(room) - begins)
    assert begins - 4 * BLOCK - BLOCK <= speech_at(spoken) <= begins - 3 * BLOCK
    assert speech_at(voice(9_600)) == 0
    assert speech_at(tone(997.0, 9_600)) == 0
    assert speech_at(np.zeros(0, np.int16)) == 0
