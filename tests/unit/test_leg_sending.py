"""What is on the wire beside the payload: audio level and clock; and what is made of reports."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from appliance.audio.levels import dbfs
from appliance.control_link.words import Audience
from appliance.leg.codecs.opus import FRAME
from appliance.leg.peer import Peer
from appliance.leg.uplink.loss import MOST_PERCENT
from appliance.leg.uplink.track import UplinkTrack
from appliance.webrtc import OPUS_SILENCE
from tests.support.microphone import Microphone, decoded, tone
from tests.support.uplink_line import BLOCK, Line
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("only_loopback", "aiortc_may_wait")


async def test_each_packet_carries_its_level_and_silence_carries_none(line: Line) -> None:
    await line.connect()
    loud = await line.speak(16_000)
    line.box.gate.close("button")
    closed = len(line.taken)
    await eventually(lambda: len(line.taken) > closed + 5)
    soft = await line.speak(300)
    for packets, level in ((loud[3:], 16_000.0), (soft[3:], 300.0)):
        expected = round(3.01 - dbfs(tone(500.0, FRAME, level=level)))
        assert {packet.extensions.audio_level for packet in packets} == {(True, expected)}
    silent = [packet for packet in line.taken if packet.payload == OPUS_SILENCE]
    assert {packet.extensions.audio_level for packet in silent} == {(False, 127)}


async def test_no_level_is_sent_where_it_was_not_agreed_on(line: Line) -> None:
    await line.connect(with_level=False)
    assert await line.speak(16_000)
    assert {packet.extensions.audio_level for packet in line.taken} == {None}


async def test_lost_packets_that_the_other_side_reports_raise_the_error_correction(
    line: Line,
) -> None:
    await line.connect(lose_every=4)
    assert line.box.uplink._wanted_percent < MOST_PERCENT
    await eventually(lambda: line.box.uplink._wanted_percent == MOST_PERCENT, 30)
    assert await line.speak(8_000)
    assert line.box.uplink._expected_percent == MOST_PERCENT
    UplinkTrack(line.box.gate, line.box.uplink)
    assert line.box.uplink._wanted_percent < MOST_PERCENT, "another call begins with the last's"


async def test_rtp_time_goes_on_by_a_packet_a_packet_over_many_openings(line: Line) -> None:
    await line.connect()
    first = line.taken[0]
    for _ in range(10):
        await line.speak(8_000, blocks=8)
        line.box.gate.close("button")
        count = len(line.taken)
        await eventually(lambda count=count: len(line.taken) > count + 6)  # type: ignore[misc]
    stamps = [(packet.timestamp - first.timestamp) % 2**32 for packet in line.taken]
    assert stamps == [number * FRAME for number in range(len(stamps))]
    numbers = [(p.sequence_number - first.sequence_number) % 2**16 for p in line.taken]
    assert numbers == list(range(len(numbers)))


async def test_a_pause_is_not_sent_and_time_goes_on_in_it(line: Line) -> None:
    line.box = Microphone(dtx=True)
    line.track = UplinkTrack(line.box.gate, line.box.uplink)
    line.peer = Peer(line.track, "sendonly", [], lambda: None)
    await line.connect()
    gate = line.box.gate
    gate.consent(gate.prepare("button"), Audience.EVERYONE)
    blocks = [tone(500.0, BLOCK, at) for at in range(0, 24_000, BLOCK)]
    quiet = [np.zeros(BLOCK, np.int16)] * 100
    opened = len(line.taken)
    for block in [*blocks, *quiet, *blocks]:
        line.box.uplink.push(block, 0.0)
        await asyncio.sleep(0.01)
    packets = line.taken[opened:]
    steps = np.diff([packet.timestamp for packet in packets])
    assert set(np.mod(steps, FRAME)) == {0}
    assert steps.min() == FRAME
    assert steps.max() > 5 * FRAME, "nothing was left out"
    assert min(len(packet.payload) for packet in packets) > 2


async def test_what_is_said_at_the_press_comes_out_at_the_other_side(line: Line) -> None:
    """Consent takes 200 ms; the first sound at the far end is the one of the press."""
    await line.connect()
    gate = line.box.gate
    epoch = gate.prepare("button")
    before = len(line.taken)
    for number in range(60):
        if number == 20:
            gate.consent(epoch, Audience.EVERYONE)
        block = tone(3_000.0 if number < 4 else 500.0, BLOCK, number * BLOCK)
        line.box.uplink.push(block, 0.0)
        await asyncio.sleep(0.01)
    await eventually(lambda: len(line.spoken(before)) >= 10)
    heard = decoded([packet.payload for packet in line.spoken(before)])
    spectrum = np.abs(np.fft.rfft(heard[: 2 * FRAME] * np.hanning(2 * FRAME)))
    assert int(np.argmax(spectrum)) * 25 == 3_000
