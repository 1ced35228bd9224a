from __future__ import annotations

import numpy as np
import pytest

from appliance.audio.levels import SILENCE_DBFS, dbfs, tone_dbfs
from tests.support.soundcard import sine


@pytest.mark.parametrize("level", [0.0, -6.0, -20.0, -60.0])
def test_a_sine_has_the_level_it_was_made_with(level: float) -> None:
    assert dbfs(sine(1000, level)) == pytest.approx(level, abs=0.05)
    assert tone_dbfs(sine(1000, level), 1000) == pytest.approx(level, abs=0.05)


def test_a_full_scale_square_is_3_db_above_a_full_scale_sine() -> None:
    square = np.where(np.arange(48_000) % 48 < 24, 32767, -32767).astype(np.int16)
    assert dbfs(square) == pytest.approx(3.01, abs=0.01)


def test_the_most_negative_sample_does_not_overflow() -> None:
    assert dbfs(np.full(480, -32768, np.int16)) == pytest.approx(3.01, abs=0.01)


@pytest.mark.parametrize("nothing", [np.zeros(0, np.int16), np.zeros(480, np.int16)])
def test_silence_is_the_floor(nothing: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    assert dbfs(nothing) == SILENCE_DBFS
    assert tone_dbfs(nothing, 1000) == SILENCE_DBFS


def test_stereo_counts_all_samples() -> None:
    mono = sine(1000, -20)
    assert dbfs(np.stack([mono, mono], axis=1)) == pytest.approx(-20, abs=0.02)


def test_a_tone_is_told_from_another_and_from_noise() -> None:
    noise = np.random.default_rng(7).normal(0, 300, 48_000)
    mixed = (sine(997, -10) * 0.5 + sine(440, -10) * 0.5 + noise).astype(np.int16)
    assert tone_dbfs(mixed, 997) == pytest.approx(-16, abs=0.1)
    assert tone_dbfs(mixed, 440) == pytest.approx(-16, abs=0.1)
    assert tone_dbfs(mixed, 1500) < -70
    assert tone_dbfs(sine(997, -10), 998) < -80


def test_a_tone_is_measured_in_mono_only() -> None:
    with pytest.raises(ValueError, match="mono"):
        tone_dbfs(np.zeros((480, 2), np.int16), 1000)
