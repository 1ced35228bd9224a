"""The downlink: earcons below the call, volume, level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audio.levels import SILENCE_DBFS, dbfs, tone_dbfs
from appliance.leg.codecs.opus import FRAME, Encoder, Samples
from appliance.leg.ear.downlink import MAX_CUES, MAX_LEAVING, Downlink
from appliance.leg.ear.limiter import LOOK_AHEAD
from appliance.leg.ear.ramp import RAMP
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from appliance.leg.settings import LegSettings
from tests.support.telephone import tone


def stored(wave: Samples, count: int = 45) -> JitterBuffer:
    """A buffer with the first packets of *wave* in store."""
    encoder = Encoder(40_000, 5, 10)
    buffer = JitterBuffer()
    for i in range(count):
        buffer.put(1, i * FRAME, encoder.encode(wave[i * FRAME : (i + 1) * FRAME]), i * 0.02)
    return buffer


def constant(value: int, count: int) -> Samples:
    return np.full(count, value, np.int16)


def heard(downlink: Downlink, count: int) -> Samples:
    samples: Samples = downlink.pull(count, 1)[:, 0]
    return samples


def soft(count: int, hertz: float = 440.0) -> Samples:
    """A tone that nothing holds back."""
    return (tone(count, hertz) / 4).astype(np.int16)


def connected(**settings: float) -> Downlink:
    """A downlink with 0.9 s of tone in store: more would be left out as too old."""
    plain = {"volume": 100, "levelling": False}
    downlink = Downlink(LegSettings.model_validate({**plain, **settings}))
    downlink.connect(stored(soft(45 * FRAME)))
    return downlink


def steps(audio: Samples) -> float:
    """The highest second difference: a click has a high one, a tone of 440 Hz a low one."""
    return float(np.abs(np.diff(audio.astype(np.float64), 2)).max())


SMOOTH = 60
"""Of `soft` itself, coded: 10. A step of 200 (-44 dBFS) has as much or more."""


# -- mixing


@pytest.mark.parametrize(("frames", "channels"), [(480, 2), (441, 1), (1, 2), (1_920, 2)])
def test_any_size_is_given_as_asked_and_alike_on_both_ears(frames: int, channels: int) -> None:
    downlink = connected()
    for _ in range(5):
        block = downlink.pull(frames, channels)
        assert block.shape == (frames, channels)
        assert (block[:, 0] == block[:, -1]).all()


def test_call_is_continuous_over_odd_sizes() -> None:
    downlink = connected()
    audio = np.concatenate([heard(downlink, size) for size in (441, 479, 1_000, 37) * 12])
    assert all(dbfs(audio[start : start + BLOCK]) > -23 for start in range(960, 20_000, BLOCK))


def test_gain_is_for_faint_calls_and_leaves_earcons_alone() -> None:
    levels = {}
    for gain in (0, 6, -6):
        downlink = connected(gain_db=gain)
        heard(downlink, 960)
        levels[gain] = dbfs(heard(downlink, 4_800))
    assert levels[6] - levels[0] == pytest.approx(6, abs=0.1)
    assert levels[-6] - levels[0] == pytest.approx(-6, abs=0.1)
    silent = Downlink(LegSettings(gain_db=24))
    silent.play(constant(3_000, 960))
    heard(silent, LOOK_AHEAD)
    assert (heard(silent, 480) == 3_000).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    full_scale=st.floats(90, 140),
    limit=st.floats(85, 118),
    gain=st.floats(-12, 24),
    channels=st.sampled_from([1, 2]),
)
def test_nothing_is_louder_than_the_limit(
    seed: int, full_scale: float, limit: float, gain: float, channels: int
) -> None:
    rng = np.random.default_rng(seed)
    settings = LegSettings(
        headset_full_scale_db_spl=full_scale, headset_limit_db_spl=limit, gain_db=gain
    )
    downlink = Downlink(settings)
    downlink.connect(stored(rng.integers(-32768, 32768, 5 * FRAME).astype(np.int16), 5))
    for _ in range(12):
        if rng.random() < 0.4:
            downlink.set_volume(int(rng.integers(0, 101)))
        if rng.random() < 0.4:
            downlink.play(constant(int(rng.integers(-32768, 32768)), int(rng.integers(1, 2_000))))
        block = downlink.pull(int(rng.integers(1, 1_920)), channels).astype(int)
        peak_db_spl = full_scale + 20 * np.log10(max(1, np.abs(block).max()) / 32_767)
        assert peak_db_spl <= max(limit, full_scale - 90.4)
        assert np.abs(block).max() < 0.9 * 32_767, "a peak of full scale has passed"


# -- without clicks


def test_volume_changes_without_a_click() -> None:
    downlink = connected()
    audio = []
    for percent in (100, 100, 10, 100, 0, 60):
        downlink.set_volume(percent)
        audio.append(heard(downlink, 4_800))
    assert steps(np.concatenate(audio)[4_800:]) < SMOOTH
    assert dbfs(audio[2][2_000:]) - dbfs(audio[1]) == pytest.approx(-40, abs=0.5)
    assert not audio[4][2_000:].any()


def test_call_comes_and_goes_without_a_click() -> None:
    buffer = stored(soft(45 * FRAME))
    for _ in range(8):
        buffer.pop()  # in the middle of the tone
    downlink = Downlink(LegSettings(volume=100, levelling=False))
    before = heard(downlink, 480)
    downlink.connect(buffer)
    there = heard(downlink, 9_600)
    downlink.disconnect()
    after = heard(downlink, 4_800)
    assert dbfs(there[2_000:]) > -25
    assert steps(np.concatenate([before, there, after])) < SMOOTH
    assert not after[1_100:].any()


def test_stream_that_joins_or_leaves_does_not_disturb_the_other() -> None:
    first, second = stored(soft(45 * FRAME)), stored(soft(45 * FRAME, 1_000))
    for _ in range(8):
        second.pop()
    downlink = Downlink(LegSettings(volume=100, levelling=False))
    downlink.connect(first)
    alone = heard(downlink, 9_600)
    downlink.connect(first, second)
    both = heard(downlink, 9_600)
    downlink.connect(first)
    again = heard(downlink, 9_600)
    audio = np.concatenate([alone, both, again])
    assert tone_dbfs(both[4_800:], 1_000) == pytest.approx(-21, abs=0.5)
    assert tone_dbfs(again[4_800:], 1_000) < -60
    assert steps(audio[4_800:]) < 2 * SMOOTH  # of the 1,000 Hz alone: 50
    for start in range(4_800, len(audio) - 2_400, 2_400):
        assert tone_dbfs(audio[start : start + 2_400], 440) == pytest.approx(-21, abs=0.5)


def test_call_that_is_connected_again_goes_on_where_it_was() -> None:
    buffer = stored(soft(45 * FRAME))
    downlink = Downlink(LegSettings(volume=100, levelling=False))
    downlink.connect(buffer)
    audio = [heard(downlink, 4_800)]
    for _ in range(20):
        downlink.connect(buffer)
        audio.append(heard(downlink, 441))
    assert steps(np.concatenate(audio)[2_000:]) < SMOOTH


def test_calls_that_come_and_go_without_being_played_do_not_pile_up() -> None:
    downlink = Downlink(LegSettings())
    for _ in range(100):
        downlink.connect(JitterBuffer())
    assert len(downlink._voices) <= MAX_LEAVING + 1
    heard(downlink, 1_920)
    assert len(downlink._voices) == 1


def test_headset_with_one_ear_gets_the_same() -> None:
    downlink = connected()
    heard(downlink, 2_400)
    left = downlink.pull(4_800, 2)[:, 0]
    assert dbfs(downlink.pull(4_800, 1)[:, 0]) == pytest.approx(dbfs(left), abs=0.2)


# -- levels


def test_level_is_the_calls_own_and_falls_with_it() -> None:
    downlink = connected()
    downlink.set_volume(0)
    downlink.play(constant(20_000, 4_800))
    heard(downlink, 960)
    heard(downlink, 960)
    assert downlink.level == pytest.approx(-21, abs=1)
    downlink.disconnect()
    assert downlink.level == SILENCE_DBFS
    assert heard(downlink, 480).any(), "the earcon stopped with the call"
    assert downlink.level == SILENCE_DBFS


def test_volume_follows_a_square_law_and_leaves_earcons_alone() -> None:
    levels = {}
    for percent in (100, 50):
        downlink = connected()
        downlink.set_volume(percent)
        heard(downlink, 960)
        levels[percent] = dbfs(heard(downlink, 4_800))
    assert levels[100] - levels[50] == pytest.approx(12.04, abs=0.1)
    silent = connected()
    silent.set_volume(0)
    heard(silent, RAMP + LOOK_AHEAD)
    assert not heard(silent, 4_800).any()
    silent.play(constant(3_000, 960))
    heard(silent, LOOK_AHEAD)
    assert (heard(silent, 480) == 3_000).all()


def test_loud_sum_is_held_back_and_not_wrapped() -> None:
    downlink = connected()
    downlink.play(constant(32_767, 4_800))
    heard(downlink, 960)
    assert heard(downlink, 2_400).min() > 3_000


# -- earcons


def test_earcons_are_played_one_after_the_other() -> None:
    downlink = Downlink(LegSettings())
    downlink.play(constant(1, 700))
    downlink.play(constant(2, 500))
    audio = np.concatenate([heard(downlink, 480) for _ in range(3)])
    audio = audio[LOOK_AHEAD:]
    assert (audio[:700] == 1).all()
    assert (audio[700:1_200] == 2).all()
    assert not audio[1_200:].any()


def test_flood_of_earcons_is_bounded_and_the_last_one_is_true() -> None:
    downlink = Downlink(LegSettings())
    for value in range(1, 200):
        downlink.play(constant(value, 480))
    audio = [int(heard(downlink, 480)[LOOK_AHEAD]) for _ in range(MAX_CUES + 1)]
    assert audio == [1, *range(201 - MAX_CUES, 200), 0]


def test_level_of_silence_is_the_floor() -> None:
    downlink = Downlink(LegSettings())
    assert not heard(downlink, 480).any()
    assert downlink.level == SILENCE_DBFS
