"""The earcons themselves: there for everything that must be heard, told apart, and gentle."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from appliance.audio.levels import dbfs
from appliance.control_link.words import EndReason
from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from appliance.leg.cues import LOUDNESS, Cue, cue, ended

ALL = [
    *(pytest.param(cue(which), id=which) for which in Cue),
    *(pytest.param(ended(reason), id=f"ended {reason}") for reason in EndReason),
]


@pytest.mark.parametrize("samples", ALL)
def test_is_heard_stays_below_the_call_and_clicks_not(samples: Samples) -> None:
    assert samples.dtype == np.int16
    assert dbfs(samples) > -40
    assert np.abs(samples.astype(int)).max() <= LOUDNESS * 32767 * 1.01
    # A click is a jump; a tone of this loudness moves less than this from sample to sample.
    assert np.abs(np.diff(np.concatenate([[0], samples, [0]]).astype(int))).max() < 700


@pytest.mark.parametrize("samples", ALL)
def test_is_short_and_shared_safely(samples: Samples) -> None:
    assert 0.03 < len(samples) / SAMPLE_RATE < 1.6
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 1


def test_no_two_sound_alike() -> None:
    sounds: dict[str, Samples] = {str(which): cue(which) for which in Cue}
    sounds |= {f"ended {reason}": ended(reason) for reason in EndReason}
    for (one, first), (other, second) in combinations(sounds.items(), 2):
        count = min(len(first), len(second))
        difference = first[:count].astype(int) - second[:count]
        same = abs(len(first) - len(second)) < SAMPLE_RATE * 0.03 and not np.abs(difference).any()
        assert not same, f"{one} and {other} sound alike"


def test_opening_rises_and_closing_falls() -> None:
    def pitches(samples: Samples) -> list[float]:
        half = len(samples) // 2
        return [
            float(np.argmax(np.abs(np.fft.rfft(part, SAMPLE_RATE))))
            for part in (samples[: half // 2], samples[-half // 2 :])
        ]

    first, last = pitches(cue(Cue.OPENED))
    assert last > first * 1.2
    first, last = pitches(cue(Cue.CLOSED))
    assert last < first / 1.2


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_end_begins_with_the_same_two_low_tones(reason: EndReason) -> None:
    plain = ended(EndReason.HUNG_UP)
    assert (ended(reason)[: len(plain)] == plain).all()
