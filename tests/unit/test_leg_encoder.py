"""The encoder: loss that it is told of, pauses that need not be sent, and seams without a click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audio.levels import dbfs
from appliance.leg.codecs.opus import DTX_PAYLOAD, FRAME, SAMPLE_RATE, Decoder, Encoder, Samples
from appliance.leg.uplink.audio_level import SILENT, AudioLevel, VoiceMeter
from appliance.leg.uplink.loss import MOST_PERCENT, ExpectedLoss
from appliance.leg.uplink.track import UplinkTrack
from appliance.webrtc import OPUS_SILENCE
from tests.support.microphone import Microphone, decoded, new_encoder, sharpest, tone

SECOND = SAMPLE_RATE


def encoded(encoder: Encoder, sound: Samples) -> list[bytes]:
    return [encoder.encode(sound[at : at + FRAME]) for at in range(0, len(sound), FRAME)]


def speech(samples: int) -> Samples:
    """A voice of 130 Hz that says four syllables a second."""
    parts = [tone(130.0 * n, samples, level=8_000 / n) for n in range(1, 20)]
    moments = np.arange(samples) / SAMPLE_RATE
    loudness = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * moments)
    return (loudness * np.sum(parts, axis=0, dtype=np.float64) / 2).astype(np.int16)


def copies_dbfs(percent: int) -> list[float]:
    """How loud the in-band copies are of an encoder that expects so much loss."""
    encoder = Encoder(40_000, 10, 0)
    encoder.expect_loss(percent)
    encoder.reset()
    packets = encoded(encoder, speech(SECOND))
    # A decoder that has heard nothing can make a sound out of a copy only.
    return [dbfs(Decoder().recover(packet, FRAME)) for packet in packets[5:]]


def test_copies_are_sent_where_loss_is_expected_and_outlast_a_reset() -> None:
    assert max(copies_dbfs(0)) < -50
    assert float(np.median(copies_dbfs(10))) > -35


def test_pauses_are_left_out_only_where_the_setting_says_so() -> None:
    quiet = np.zeros(SECOND, np.int16)
    for dtx in (False, True):
        encoder = Encoder(40_000, 10, 5, dtx=dtx)
        encoded(encoder, tone(300.0, SECOND // 2))
        sizes = [len(packet) for packet in encoded(encoder, quiet)]
        assert (min(sizes) <= DTX_PAYLOAD) is dtx
        assert len(encoder.encode(tone(300.0, FRAME))) > 10


# -- seams: what a listener hears where speech and the silence frame meet


@pytest.mark.parametrize("hz", [200.0, 440.0, 997.0])
@pytest.mark.parametrize("phase", range(4))
def test_closing_in_the_middle_of_a_sound_makes_no_click(hz: float, phase: int) -> None:
    """The decoder goes over from speech to the constant frame by itself (RFC 6716 section 4.5)."""
    start = round(SAMPLE_RATE / hz * phase / 4)
    wave = tone(hz, SECOND // 2, start, level=16_000)
    spoken = encoded(new_encoder(), wave)
    alone = decoded(spoken)[SECOND // 10 :]
    heard = decoded([*spoken, *[OPUS_SILENCE] * 5])
    after = heard[SECOND // 10 :]
    assert sharpest(after) < 2 * sharpest(alone) + 200
    assert dbfs(heard[-3 * FRAME :]) < -80, "something is heard after the muting"

    peak = int(np.argmax(np.abs(alone.astype(np.int32))))
    cut = np.concatenate([alone[:peak], np.zeros(FRAME, np.int16)])
    assert sharpest(cut) > 3 * sharpest(alone) + 400, "this test would not hear a click"


# -- expected loss


@settings(deadline=None)
@given(
    floor=st.integers(0, 50),
    reports=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 20)), max_size=50),
)
def test_expected_loss_stays_within_its_bounds(
    floor: int, reports: list[tuple[float, float]]
) -> None:
    loss, now = ExpectedLoss(floor), 0.0
    for fraction, later in reports:
        now += later
        loss.report(fraction, now)
        assert floor <= loss.percent <= max(floor, MOST_PERCENT)


def test_loss_is_believed_at_once_and_forgotten_slowly() -> None:
    loss = ExpectedLoss(2)
    loss.report(0.0, 0.0)
    assert loss.percent == 2
    loss.report(0.1, 1.0)
    assert loss.percent == 5
    for second in range(2, 6):
        loss.report(0.1, float(second))
    assert loss.percent == MOST_PERCENT
    loss.report(0.0, 6.0)
    assert loss.percent > 7
    for second in range(7, 60):
        loss.report(0.0, float(second))
    assert loss.percent == 2


# -- levels


def test_level_is_that_of_the_header_extension() -> None:
    """RFC 6464: a full-scale square wave is 0, a sine 3 dB less, and silence 127."""
    meter = VoiceMeter()
    square = np.full(FRAME, 32_767, np.int16)
    assert meter.measure(dbfs(square)) == AudioLevel(voice=True, below=0)
    assert meter.measure(dbfs(tone(1_000.0, FRAME, level=3_276.7))).below == 23
    assert VoiceMeter().measure(dbfs(np.zeros(FRAME, np.int16))) == SILENT


def test_voice_is_told_from_the_room_and_its_end_is_kept() -> None:
    meter = VoiceMeter()
    room, speech = -52.0, -26.0
    for _ in range(500):
        last = meter.measure(room)
    assert not last.voice
    assert meter.measure(speech).voice
    after = [meter.measure(room).voice for _ in range(20)]
    assert after[0]
    assert not after[-1]


async def test_reports_on_a_connection_that_is_over_change_nothing() -> None:
    box = Microphone()
    old, new = UplinkTrack(box.gate, box.uplink), UplinkTrack(box.gate, box.uplink)
    before = box.uplink._wanted_percent
    old.stop()
    old.lost(0.5)
    assert box.uplink._wanted_percent == before
    new.lost(0.5)
    assert box.uplink._wanted_percent > before
