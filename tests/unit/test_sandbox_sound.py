from __future__ import annotations

import numpy as np
import pytest

from appliance.platforms.sandbox.centre.mixer import Ear
from appliance.platforms.sandbox.centre.sound import (
    FLOOR,
    FRAME,
    RATE,
    SILENCE,
    hold_music,
    level,
    mix,
    resample,
    tone,
    tone_level,
)


def test_a_tone_is_measured_at_its_own_frequency_only() -> None:
    sound = tone(1000, -20, 0, RATE)
    assert tone_level(sound, 1000) == pytest.approx(-20, abs=0.1)
    assert tone_level(sound, 440) < -90
    assert level(sound) == pytest.approx(-20, abs=0.1)


def test_silence_is_the_floor() -> None:
    assert level(SILENCE) == tone_level(SILENCE, 440) == FLOOR
    assert level(SILENCE[:0]) == tone_level(SILENCE[:0], 440) == FLOOR


def test_pieces_of_a_tone_join_up() -> None:
    pieces = np.concatenate([tone(997, -6, n * FRAME) for n in range(50)])
    assert np.array_equal(pieces, tone(997, -6, 0, 50 * FRAME))


def test_mixing_clips_and_never_wraps() -> None:
    loud = tone(1000, 0, 0)
    assert mix(loud, loud).max() == 32767
    assert mix(loud, loud).min() == -32768
    assert np.array_equal(mix(loud), loud)
    assert np.array_equal(mix(), SILENCE)


@pytest.mark.parametrize("hz", [300.0, 3000.0, 9000.0])
def test_resampling_keeps_the_tone_and_adds_no_image(hz: float) -> None:
    t = np.arange(22_050) / 22_050
    changed = resample(0.5 * np.sin(2 * np.pi * hz * t), 22_050, RATE)
    assert len(changed) == RATE
    middle = (changed[RATE // 4 : 3 * RATE // 4] * 32767).astype(np.int16)
    assert tone_level(middle, hz) == pytest.approx(-6.0, abs=0.1)
    assert tone_level(middle, 22_050 - hz) < -70


def test_hold_music_repeats_without_a_click() -> None:
    music = hold_music()
    assert abs(int(music[-1]) - int(music[0])) < 50
    assert -45 < level(music) < -20


def test_an_ear_keeps_the_last_ten_seconds() -> None:
    ear = Ear()
    assert len(ear.last(1)) == 0
    for number in range(11 * 50):
        ear.hear(np.full(FRAME, number, np.int16))
    assert len(ear.last(60)) == 10 * RATE
    assert ear.last(60)[0] == 50
    assert ear.last(0.02)[0] == 11 * 50 - 1
