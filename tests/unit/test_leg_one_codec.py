"""The whole leg with a platform that knows one codec only, seen at the packets of both ways."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest
from aiortc.rtp import RtpPacket

from appliance.audio.levels import dbfs
from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import FRAME, Samples
from appliance.leg.codecs.table import COMFORT_NOISE_TYPE, G722, OPUS, PCMA, PCMU, SPOKEN
from appliance.leg.receive.jitter import JitterBuffer
from tests.support.leg_box import Box
from tests.support.raw_control import Control
from tests.support.telephone import tone
from tests.support.telephone_peer import OneCodecPeer

MICROPHONE_HZ, PLATFORM_HZ = 1_000.0, 500.0
LOUD = tone(48_000, MICROPHONE_HZ)

every_codec = pytest.mark.parametrize("codec", SPOKEN, ids=lambda codec: codec.name)


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


async def join(box: Box, platform: OneCodecPeer, who_offers: str = "the leg") -> Control:
    control = await box.connect()
    if who_offers == "the leg":
        joined = await control.ask("join", session_id="s")
        answer = await platform.answer(joined["sdp"])
        await control.ask("answer", session_id="s", sdp=answer)
    else:
        joined = await control.ask(
            "join", session_id="s", offer=await platform.offer(), direction="sendrecv"
        )
        await platform.accept(joined["sdp"])
    assert (await control.next("call_changed"))["media"] == "connected"
    return control


async def speak(box: Box, frames: int) -> None:
    """The microphone's tone, in blocks of 10 ms at about its own pace."""
    for number in range(frames * 2):
        at = number * 480 % 48_000
        box.leg._uplink.push(LOUD[at : at + 480], 0.0)
        await asyncio.sleep(0.01)


def share(sound: Samples, hertz: float) -> float:
    """How much of the power is this tone."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    at = np.fft.rfftfreq(len(sound), 1 / 48_000)
    return float(power[np.abs(at - hertz) < 20].sum() / (power.sum() + 1))


def decoded(codec: Codec, packets: list[RtpPacket]) -> Samples:
    decoder = codec.decoder()
    return np.concatenate([decoder.decode(packet.payload) for packet in packets])


@every_codec
@pytest.mark.parametrize("who_offers", ["the leg", "the platform"])
async def test_muted_sends_the_silence_frame_of_this_codec_and_live_what_is_said(
    box: Box, codec: Codec, who_offers: str
) -> None:
    platform = OneCodecPeer(codec, PLATFORM_HZ)
    control = await join(box, platform, who_offers)
    await platform.until(lambda: len(platform.taken) > 10)
    await speak(box, 5)  # into a gate that is shut
    assert platform.payloads() == {codec.silence}, "muted, and yet something else was sent"

    prepared = await control.ask("prepare_gate", session_id="s")
    box.leg.gate.consent(prepared["epoch"], Audience.EVERYONE)
    await speak(box, 40)
    assert box.leg.gate.state is Gate.OPEN
    spoken = [packet for packet in platform.taken if packet.payload != codec.silence]
    assert len(spoken) > 20
    assert share(decoded(codec, spoken[2:20]), MICROPHONE_HZ) > 0.9

    await control.ask("close_gate", session_id="s")
    await asyncio.sleep(0.1)
    before = len(platform.taken)
    await speak(box, 10)
    await platform.until(lambda: len(platform.taken) > before + 5)
    assert platform.payloads(before) == {codec.silence}
    _check_headers(codec, platform.taken)
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await platform.close()


def _check_headers(codec: Codec, packets: list[RtpPacket]) -> None:
    assert len({packet.payload_type for packet in packets}) == 1
    assert len({packet.ssrc for packet in packets}) == 1
    for one, other in itertools.pairwise(packets):
        frames = (other.sequence_number - one.sequence_number) & 0xFFFF
        ticks = (other.timestamp - one.timestamp) & 0xFFFFFFFF
        assert ticks % (codec.clock // 50) == 0
        assert frames * codec.clock // 50 <= ticks < codec.clock


@every_codec
async def test_the_platform_is_heard(box: Box, codec: Codec) -> None:
    platform = OneCodecPeer(codec, PLATFORM_HZ)
    control = await join(box, platform)
    assert box.leg.call is not None
    (stream,) = box.leg.call.peer.streams
    await platform.until(lambda: stream.stats.received > 20)
    heard = np.concatenate([box.leg.downlink.pull(480, 1)[:, 0] for _ in range(30)])
    assert share(heard[4_800:], PLATFORM_HZ) > 0.9
    assert stream.stats.unknown == stream.stats.malformed == 0
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await platform.close()


async def test_comfort_noise_that_nobody_offered_is_let_through(box: Box) -> None:
    platform = OneCodecPeer(PCMU)
    control = await join(box, platform)
    assert box.leg.call is not None
    (stream,) = box.leg.call.peer.streams
    sender = platform.connection.getSenders()[0]
    await platform.until(lambda: stream.stats.received > 5)
    # The connection's own sequence numbers are its sender's: another source's are free.
    await platform.connection.getTransceivers()[0].stop()
    await platform.until(lambda: _drained(stream))
    packet = RtpPacket(payload_type=COMFORT_NOISE_TYPE, sequence_number=1, timestamp=1)
    packet.ssrc, packet.payload = (sender._ssrc + 1) & 0xFFFFFFFF, bytes([40])
    received = stream.stats.received
    await sender.transport._send_rtp(packet.serialize())
    await platform.until(lambda: stream.stats.received > received)
    noise = np.concatenate([stream.pop() for _ in range(50)])[9_600:]
    assert stream.stats.unknown == stream.stats.malformed == 0
    assert dbfs(noise) == pytest.approx(-40, abs=4)
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await platform.close()


def _drained(stream: JitterBuffer) -> bool:
    stream.pop()
    return stream.delay_ms < 20


async def test_a_next_call_speaks_its_own_codec(box: Box) -> None:
    """Nothing of the codec before is left, muted or live."""
    for codec in (PCMA, OPUS, G722):
        platform = OneCodecPeer(codec)
        control = await join(box, platform)
        await platform.until(lambda: len(platform.taken) > 5)  # noqa: B023
        assert platform.payloads() == {codec.silence}
        prepared = await control.ask("prepare_gate", session_id="s")
        box.leg.gate.consent(prepared["epoch"], Audience.EVERYONE)
        await speak(box, 15)
        spoken = [packet for packet in platform.taken if packet.payload != codec.silence]
        assert share(decoded(codec, spoken), MICROPHONE_HZ) > 0.8
        await control.ask("hang_up", session_id="s", reason="hung_up")
        await platform.close()


def test_a_frame_is_as_long_in_each_codec() -> None:
    assert {codec.samples(codec.silence) for codec in SPOKEN} == {FRAME}
