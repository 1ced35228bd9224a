"""The limiter and the protection from startling: nothing passes the ceiling, nothing clicks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.audio.levels import tone_dbfs
from appliance.leg.ear.limiter import (
    FULL_SCALE,
    HEADROOM_DBFS,
    LOOK_AHEAD,
    RELEASE_DB_S,
    Limiter,
    Sound,
)
from appliance.leg.ear.startle import CLOSES_DB_S, MARGIN_DB, OPENS_DB_S, Startle

CEILING = -4.0
BLOCK = 480


def sine(level: float, seconds: float, hertz: float = 1_000.0) -> Sound:
    """Two channels alike."""
    time = np.arange(round(seconds * 48_000)) / 48_000
    wave = FULL_SCALE * 10 ** (level / 20) * np.sin(2 * np.pi * hertz * time)
    return np.repeat(wave.astype(np.float32)[:, np.newaxis], 2, axis=1)


def limited(sound: Sound, limiter: Limiter | None = None) -> NDArray[np.float64]:
    """What comes out for *sound*, of the first channel, in its place in time."""
    limiter = limiter or Limiter(CEILING, 2)
    silence = np.zeros((BLOCK, 2), np.float32)
    padded = np.concatenate([sound, silence])
    blocks = [limiter.process(padded[at : at + BLOCK]) for at in range(0, len(padded), BLOCK)]
    out = np.concatenate(blocks)[LOOK_AHEAD : LOOK_AHEAD + len(sound), 0]
    return out.astype(np.float64)


def peak_db(samples: NDArray[np.float64]) -> float:
    return float(20 * np.log10(max(np.abs(samples).max(), 1e-3) / FULL_SCALE))


# -- the ceiling


@given(
    seed=st.integers(0, 2**32 - 1),
    ceiling=st.floats(-60, 6),
    channels=st.sampled_from([1, 2]),
    sizes=st.lists(st.integers(1, 2_000), min_size=1, max_size=8),
)
def test_no_sample_of_any_sound_passes_the_ceiling(
    seed: int, ceiling: float, channels: int, sizes: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    limiter = Limiter(ceiling, channels)
    highest = FULL_SCALE * 10 ** (min(ceiling, HEADROOM_DBFS) / 20)
    assert limiter.ceiling <= highest
    for size in sizes:
        sound = rng.standard_normal((size, channels)) * 10 ** rng.uniform(0, 6)
        sound[rng.random(size) < 0.05] *= rng.choice([0, 1, 100])
        before = rng.uniform(0, 1.2) * limiter.ceiling
        out = limiter.process(sound.astype(np.float32), before)
        assert out.shape == (size, channels)
        assert np.abs(out.astype(int)).max() <= highest


def test_the_gain_is_down_when_the_peak_comes_and_clipping_has_nothing_to_do() -> None:
    rng = np.random.default_rng(3)
    limiter = Limiter(CEILING, 2)
    limiter.ceiling, ceiling = 10**9, limiter.ceiling  # nothing is clipped any more
    for _ in range(300):
        sound = (rng.standard_normal((BLOCK, 2)) * 10 ** rng.uniform(2, 4)).astype(np.float32)
        assert np.abs(limiter.process(sound, ceiling)).max() <= ceiling + 1


@given(seed=st.integers(0, 2**32 - 1), sizes=st.lists(st.integers(1, 2_000), min_size=1))
def test_quiet_sound_passes_bit_by_bit(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    limiter = Limiter(CEILING, 2)
    sound = rng.integers(-limiter.ceiling, limiter.ceiling + 1, (sum(sizes) + LOOK_AHEAD, 2))
    parts = np.split(sound, np.cumsum(sizes))
    out = np.concatenate([limiter.process(part.astype(np.float32)) for part in parts])
    assert (out[:LOOK_AHEAD] == 0).all()
    assert (out[LOOK_AHEAD:] == sound[:-LOOK_AHEAD]).all()


# -- attack and release, measured


def test_attack_is_a_ramp_of_a_millisecond_and_no_step() -> None:
    loud = sine(6.0, 0.1)
    quiet = sine(-30.0, 0.1)
    out = limited(np.concatenate([quiet, loud]))
    start = len(quiet)
    assert out[: start - LOOK_AHEAD] == pytest.approx(quiet[: start - LOOK_AHEAD, 0], abs=0.51)
    assert peak_db(out[start:]) == pytest.approx(CEILING, abs=0.1)
    # A sine of that height and frequency moves as fast by itself.
    steepest = FULL_SCALE * 10 ** (CEILING / 20) * 2 * np.pi * 1_000 / 48_000
    assert np.abs(np.diff(out)).max() < 1.2 * steepest


def test_release_is_slow_and_comes_to_an_end() -> None:
    sound = np.concatenate([sine(6.0, 0.2), sine(-20.0, 1.0)])
    limiter = Limiter(CEILING, 2)
    out = limited(sound, limiter)
    for after in (0.05, 0.1, 0.2):
        at = round((0.2 + after) * 48_000)
        expected = max(0.0, 10.0 - RELEASE_DB_S * after)
        level = tone_dbfs(out[at : at + 48 * 4].astype(np.int16), 1_000)
        assert -20 - level == pytest.approx(expected, abs=0.4)
    assert limiter.attenuation_db == 0
    assert (out[-24_000:] == np.rint(sound[-24_000:, 0])).all()


@pytest.mark.parametrize(("hertz", "worst"), [(100, -35), (300, -40), (1_000, -50)])
def test_a_loud_tone_stays_clean(hertz: int, worst: float) -> None:
    out = limited(sine(6.0, 1.5, hertz))[24_000:].astype(np.int16)
    own = tone_dbfs(out, hertz)
    others = [tone_dbfs(out, hertz * n) for n in range(2, 8)]
    assert 10 * np.log10(sum(10 ** (level / 10) for level in others)) - own < worst


def test_channels_are_attenuated_alike() -> None:
    sound = sine(6.0, 0.2)
    sound[:, 1] *= 0.1
    limiter = Limiter(CEILING, 2)
    out = limiter.process(sound)[LOOK_AHEAD:].astype(np.float64)
    assert out[:, 0] * 0.1 == pytest.approx(out[:, 1], abs=1)


# -- what becomes loud at once


def protected(sound: Sound, limit_db_spl: float = 118.0) -> NDArray[np.float64]:
    limiter, startle = Limiter(CEILING, 2), Startle(limit_db_spl)
    blocks = []
    for at in range(0, len(sound), BLOCK):
        block = sound[at : at + BLOCK]
        factor = startle.factor(block, limiter.ceiling)
        blocks.append(limiter.process(block, limiter.ceiling * factor))
    return np.concatenate(blocks)[:, 0].astype(np.float64)


def like_speech(seconds: float) -> Sound:
    """Pulses with a high crest that go over the ceiling, 120 a second."""
    pulses = np.zeros(round(seconds * 48_000), np.float32)
    pulses[::400] = 60_000
    shaped = np.convolve(pulses, np.exp(-np.arange(100) / 15) * np.cos(np.arange(100) / 5))
    sound = shaped[: len(pulses)].astype(np.float32)
    return np.repeat(sound[:, np.newaxis], 2, axis=1)


def test_loud_speech_is_let_up_within_half_a_second_and_after_a_pause_again() -> None:
    out = protected(like_speech(1.0))
    assert peak_db(out[: BLOCK * 3]) <= CEILING - MARGIN_DB + 0.7
    opened = round(MARGIN_DB / OPENS_DB_S * 48_000)
    assert peak_db(out[opened // 2 : opened // 2 + BLOCK]) == pytest.approx(
        CEILING - MARGIN_DB / 2, abs=0.7
    )
    assert peak_db(out[opened + BLOCK * 3 :]) == pytest.approx(CEILING, abs=0.1)
    pause = np.zeros((round(MARGIN_DB / CLOSES_DB_S * 48_000) + BLOCK, 2), np.float32)
    again = protected(np.concatenate([like_speech(1.0), pause, like_speech(0.1)]))
    assert peak_db(again[-4_800 : -4_800 + BLOCK * 3]) <= CEILING - MARGIN_DB + 0.7


@pytest.mark.parametrize("hertz", [400.0, 1_100.0, 2_100.0, 3_300.0])
def test_a_squeal_is_never_let_up(hertz: float) -> None:
    out = protected(sine(0.0, 4.0, hertz))
    assert peak_db(out[9_600:]) <= CEILING - MARGIN_DB + 0.1
    late = protected(np.concatenate([like_speech(1.0), sine(0.0, 1.0, hertz)]))
    assert peak_db(late[-24_000:]) <= CEILING - MARGIN_DB + 0.1, "it came in a loud talk"


def test_at_the_limit_for_startling_there_is_nothing_to_hold_back() -> None:
    assert peak_db(protected(sine(0.0, 0.5), 102.0)) == pytest.approx(CEILING, abs=0.1)
    assert peak_db(protected(sine(0.0, 0.5), 106.0)) == pytest.approx(CEILING - 4, abs=0.1)
