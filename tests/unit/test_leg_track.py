"""The track with the real gate and real Opus: one clock, and silence that is constant."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiortc.mediastreams import MediaStreamError

from appliance.leg.codecs.opus import FRAME
from appliance.leg.uplink.track import UplinkTrack
from appliance.webrtc import OPUS_SILENCE
from tests.support.microphone import Microphone, noise


async def test_packets_keep_one_clock_across_mute_and_unmute() -> None:
    box = Microphone()
    track = UplinkTrack(box.gate, box.uplink)
    payloads: list[bytes] = []
    stamps: list[int] = []

    async def receive(count: int) -> list[bytes]:
        for _ in range(count):
            payload, at = await track.next()
            payloads.append(payload)
            stamps.append(at)
        return payloads[-count:]

    began = time.monotonic()
    assert set(await receive(6)) == {OPUS_SILENCE}
    assert time.monotonic() - began >= 5 * 0.02 - 0.005
    for _ in range(3):
        box.open()
        spoken = await receive(1)
        assert OPUS_SILENCE not in spoken
        box.uplink.push(noise(), 0.0)
        box.gate.close("button")
        assert set(await receive(3)) == {OPUS_SILENCE}
    assert stamps == [number * FRAME for number in range(len(stamps))]
    assert track.sent == len(stamps)


async def test_open_gate_without_sound_sends_the_silence_frame() -> None:
    box = Microphone()
    track = UplinkTrack(box.gate, box.uplink)
    box.open()
    box.taken()
    assert [(await track.next())[0] for _ in range(3)] == [OPUS_SILENCE] * 3


async def test_closing_ends_a_wait_for_the_microphone_at_once() -> None:
    box = Microphone()
    box.open()
    box.taken()
    waiting = asyncio.create_task(box.uplink.wait(30))
    await asyncio.sleep(0)
    await asyncio.to_thread(box.gate.close, "button")
    async with asyncio.timeout(5):
        await waiting


async def test_stopped_track_hands_out_nothing() -> None:
    box = Microphone()
    track = UplinkTrack(box.gate, box.uplink)
    box.open()
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.next()
    assert track.sent == 0
