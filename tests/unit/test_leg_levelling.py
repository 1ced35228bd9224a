"""Levelling: loud and faint talkers come to one level; noise and pauses are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.audio.levels import power_dbfs
from appliance.leg.codecs.opus import FRAME, Encoder
from appliance.leg.ear.downlink import Downlink
from appliance.leg.ear.levelling import (
    LOUDEST_NOISE_DBFS,
    MOST_DB,
    TARGET_DBFS,
    TOLERATED_DB,
    UP_DB_S,
    Levelling,
    Mono,
)
from appliance.leg.receive.jitter import JitterBuffer
from appliance.leg.settings import LegSettings

BLOCK = 480
RATE = 48_000


def noise(level: float, seconds: float, seed: int = 1) -> Mono:
    """White, of this level."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    sound: Mono = (samples * 32_767 / np.sqrt(2) * 10 ** (level / 20)).astype(np.float32)
    return sound


def talk(level: float, seconds: float, room: float = -75.0) -> Mono:
    """Syllables of 180 ms with gaps of 70 ms and a longer one each second; *level* while active."""
    time = np.arange(round(seconds * RATE)) / RATE
    voiced = ((time % 0.25) < 0.18) & ((time % 1.0) < 0.75)
    carrier = np.sin(2 * np.pi * 180 * time) + np.sin(2 * np.pi * 540 * time)
    talking = carrier * voiced * 32_767 / np.sqrt(2) * 10 ** (level / 20)
    sound: Mono = (talking + noise(room, seconds)).astype(np.float32)
    return sound


def active_level(sound: Mono) -> float:
    """Over the blocks within 25 dB of the loudest."""
    blocks = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK).astype(np.float64)
    powers = (blocks**2).mean(axis=1)
    return power_dbfs(float(powers[powers > powers.max() / 300].mean()))


def levelled(sound: Mono, levelling: Levelling | None = None) -> tuple[Mono, NDArray[np.float64]]:
    """What comes out, and the gain after each block."""
    levelling = levelling or Levelling()
    out, gains = [], []
    for at in range(0, len(sound), BLOCK):
        block = sound[at : at + BLOCK]
        out.append(levelling.process(block, float(block @ block) / len(block)))
        gains.append(levelling.gain_db)
    return np.concatenate(out), np.array(gains)


@pytest.mark.parametrize("level", [-33.0, -28.0, -16.0, -11.0])
def test_loud_and_faint_speech_is_brought_to_one_level(level: float) -> None:
    out, _ = levelled(talk(level, 6.0))
    assert active_level(out[3 * RATE :]) == pytest.approx(TARGET_DBFS, abs=TOLERATED_DB + 0.5)


@pytest.mark.parametrize(("level", "gain"), [(-50.0, MOST_DB), (-3.0, -MOST_DB)])
def test_the_gain_is_bounded(level: float, gain: float) -> None:
    _, gains = levelled(talk(level, 6.0, -90.0))
    assert np.abs(gains).max() <= MOST_DB
    assert gains[-1] == pytest.approx(gain, abs=TOLERATED_DB + 0.1)


def test_a_line_with_two_talkers_follows_the_one_who_speaks() -> None:
    turns = [talk(-12.0, 4.0), talk(-30.0, 4.0)] * 2
    out, _ = levelled(np.concatenate(turns))
    for turn in range(1, 4):
        second_half = out[(4 * turn + 2) * RATE : (4 * turn + 4) * RATE]
        assert active_level(second_half) == pytest.approx(TARGET_DBFS, abs=TOLERATED_DB + 1)


def test_the_gain_stands_still_in_a_pause() -> None:
    sound = np.concatenate([talk(-30.0, 4.0), noise(-62.0, 20.0)])
    _, gains = levelled(sound)
    assert gains[400] > 5
    assert np.ptp(gains[402:]) == 0


def test_noise_alone_is_left_as_it_is() -> None:
    for level in (-70.0, -55.0, -40.0):
        _, gains = levelled(noise(level, 5.0))
        assert gains.max() < 2, f"noise of {level} dBFS was lifted"


def test_noise_under_speech_bounds_the_gain() -> None:
    out, gains = levelled(np.concatenate([talk(-34.0, 6.0, -55.0), noise(-55.0, 1.0)]))
    assert 0 < gains[-1] <= LOUDEST_NOISE_DBFS + 55 + 1.5
    assert active_level(out[-RATE // 2 :]) < LOUDEST_NOISE_DBFS + 1.5


def test_speech_at_the_right_level_passes_bit_by_bit() -> None:
    sound = talk(TARGET_DBFS - 0.3, 5.0)
    out, gains = levelled(sound)
    assert not gains.any()
    assert (out == sound).all()


@given(seed=st.integers(0, 2**32 - 1))
def test_any_sound_is_survived_and_the_gain_moves_slowly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levelling = Levelling()
    before = 0.0
    for _ in range(60):
        block = (rng.standard_normal(BLOCK) * 10 ** rng.uniform(-1, 5)).astype(np.float32)
        block *= rng.random() < 0.8
        out = levelling.process(block, float(block @ block) / BLOCK)
        assert np.isfinite(out).all()
        assert levelling.gain_db - before <= UP_DB_S * 0.01 + 1e-9
        before = levelling.gain_db


@pytest.mark.parametrize(("on", "difference"), [(True, 0.0), (False, 18.0)])
def test_streams_are_levelled_each_by_itself_where_the_setting_says_so(
    on: bool, difference: float
) -> None:
    """One after the other through the whole downlink, so that both can be told apart."""
    levels = []
    for level in (-14.0, -32.0):
        encoder = Encoder(40_000, 5, 10)
        sound = talk(level, 6.0).astype(np.int16)
        buffer = JitterBuffer()
        downlink = Downlink(LegSettings(levelling=on))
        downlink.connect(buffer)
        heard = []
        for i in range(len(sound) // FRAME):
            payload = encoder.encode(sound[i * FRAME : (i + 1) * FRAME])
            buffer.put(1, i * FRAME, payload, i * 0.02)
            heard.append(downlink.pull(FRAME, 1)[:, 0].astype(np.float32))
        levels.append(active_level(np.concatenate(heard)[3 * RATE :]))
    assert levels[0] - levels[1] == pytest.approx(difference, abs=2 * TOLERATED_DB + 0.5)
