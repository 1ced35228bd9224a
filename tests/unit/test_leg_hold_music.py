"""Hold music through the jitter buffer: long chords, of which a stretcher made for speech could
make a warble. The measure is how much of the power is off the chord's own partials.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray
from opuslib_next import Encoder as AnyEncoder

from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import FRAME, Samples
from appliance.leg.codecs.table import G722, OPUS, PCMU
from appliance.leg.receive.jitter import JitterBuffer
from tests.support.telephone import packets

LEFT, RIGHT = (220.0, 329.63), (277.18, 440.0)
SECONDS = 30
WINDOW = 19_200
"""Samples (0.4 s): so narrow that a chord's own beats are no impurity."""
IMPURE_DB = -20.0
"""Of the power off the partials. What codecs add is below -26 dB; a bad seam makes -10."""


def chord(notes: tuple[float, ...], seconds: int = SECONDS) -> Samples:
    """Organ-like: each note with an octave, at about -17 dBFS a note."""
    time = np.arange(seconds * 48_000) / 48_000
    wave = sum(
        np.sin(2 * np.pi * note * time + i) + 0.3 * np.sin(4 * np.pi * note * time)
        for i, note in enumerate(notes)
    )
    return (np.asarray(wave) * 3_000).astype(np.int16)


def impurity(heard: Samples) -> NDArray[np.float64]:
    """For each 0.1 s the power off the partials to all power from 60 to 3600 Hz, in dB."""
    at = np.fft.rfftfreq(WINDOW, 1 / 48_000)
    partials = [note * octave for note in LEFT + RIGHT for octave in (1, 2)]
    pure = np.any([np.abs(at - partial) < 12.5 for partial in partials], axis=0)
    band = (at > 60) & (at < 3_600)
    found = []
    for start in range(96_000, len(heard) - WINDOW, WINDOW // 4):
        power = np.abs(np.fft.rfft(heard[start : start + WINDOW] * np.blackman(WINDOW))) ** 2
        found.append(10 * np.log10(power[band & ~pure].sum() / power[band].sum()))
    return np.array(found)


def impure_share(heard: Samples) -> float:
    return float(np.mean(impurity(heard) > IMPURE_DB))


def stereo_packets() -> list[bytes]:
    """One hand at the left, the other at the right."""
    encoder = AnyEncoder(48_000, 2, "audio")
    both = np.stack([chord(LEFT), chord(RIGHT)], axis=1)
    return [
        encoder.encode(both[at : at + FRAME].tobytes(), FRAME)
        for at in range(0, len(both) - FRAME + 1, FRAME)
    ]


def heard_of(codec: Codec, payloads: list[bytes], jitter_s: float, ppm: float) -> Samples:
    """By a listener whose clock is *ppm* faster than the sender's."""
    rng = random.Random(4)
    buffer = JitterBuffer()
    arrivals = sorted(
        (i * 0.02 * (1 + ppm * 1e-6) + rng.random() * jitter_s, i) for i in range(len(payloads))
    )
    heard = []
    for tick in range(SECONDS * 100):
        while arrivals and arrivals[0][0] <= tick * 0.01:
            at, i = arrivals.pop(0)
            buffer.put(1, i * codec.clock // 50, payloads[i], at, codec)
        heard.append(buffer.pop())
    assert buffer.delay_ms < 150
    return np.concatenate(heard)


@pytest.mark.parametrize("ppm", [-500, 0, 500])
@pytest.mark.parametrize("codec", [OPUS, G722, PCMU], ids=lambda codec: codec.name)
def test_music_does_not_warble(codec: Codec, ppm: int) -> None:
    """On a line with 40 ms of jitter, and with clocks further apart than any two real ones."""
    payloads = stereo_packets() if codec is OPUS else packets(codec, chord(LEFT + RIGHT))
    # One seam in the wrong place each second comes to 0.18.
    assert impure_share(heard_of(codec, payloads, 0.04, ppm)) < 0.06


def test_both_sides_of_stereo_are_heard() -> None:
    heard = heard_of(OPUS, stereo_packets(), 0.0, 0.0)[96_000:144_000]
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    levels = [
        10 * np.log10(power[round(note) - 2 : round(note) + 3].sum()) for note in LEFT + RIGHT
    ]
    assert max(levels) - min(levels) < 3


def test_the_measure_hears_a_seam_in_the_wrong_place() -> None:
    whole = chord(LEFT + RIGHT, 10)
    assert impure_share(whole) == 0
    seconds = [whole[at : at + 48_000 - 331] for at in range(0, len(whole), 48_000)]
    assert impure_share(np.concatenate(seconds)) > 0.15
