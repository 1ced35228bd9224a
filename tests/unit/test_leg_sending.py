"""What is on the wire beside the payload: audio level and clock; and what is made of reports."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.clock import current_datetime, datetime_from_ntp
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpSdesPacket,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
)
from pylibsrtp import Policy, Session

from appliance.audio.levels import dbfs
from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.opus import FRAME
from appliance.leg.peer import Peer
from appliance.leg.uplink.loss import MOST_PERCENT
from appliance.leg.uplink.rtp_stream import LockedSession, RtpStream, take_over
from appliance.leg.uplink.track import UplinkTrack
from appliance.webrtc import OPUS_SILENCE, on_loss, tap_receiver
from tests.support.microphone import Microphone, decoded, tone
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("only_loopback", "aiortc_may_wait")

LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
BLOCK = FRAME // 2


class Line:
    """A leg's uplink, and a real aiortc peer that takes what it sends."""

    def __init__(self) -> None:
        self.box = Microphone()
        self.track = UplinkTrack(self.box.gate, self.box.uplink)
        self.peer = Peer(self.track, "sendonly", [], lambda: None)
        self.other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.taken: list[RtpPacket] = []

    async def connect(self, *, with_level: bool = True, lose_every: int = 0) -> None:
        offer = await self.peer.offer()
        if not with_level:
            kept = [line for line in offer.splitlines() if LEVEL_URI not in line]
            assert len(kept) < len(offer.splitlines())
            offer = "\r\n".join(kept) + "\r\n"
        await self.other.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        receiver = self.other.getReceivers()[0]
        tap_receiver(receiver, self.taken.append)
        if lose_every:
            account = receiver._handle_rtp_packet

            async def lose(packet: RtpPacket, arrival_time_ms: int) -> None:
                if packet.sequence_number % lose_every:
                    await account(packet, arrival_time_ms=arrival_time_ms)

            vars(receiver)["_handle_rtp_packet"] = lose
        await self.other.setLocalDescription()
        await self.peer.accept(self.other.localDescription.sdp)
        await eventually(lambda: len(self.taken) >= 5)

    async def speak(self, level: float, blocks: int = 40) -> list[RtpPacket]:
        """Open, and say a tone in real time; the packets that are not silence."""
        gate = self.box.gate
        if gate.state is Gate.CLOSED:
            gate.consent(gate.prepare("button"), Audience.EVERYONE)
        before = len(self.taken)
        for number in range(blocks):
            self.box.uplink.push(tone(500.0, BLOCK, number * BLOCK, level), 0.0)
            await asyncio.sleep(0.01)
        await eventually(lambda: len(self.spoken(before)) >= blocks // 4)
        return self.spoken(before)

    def spoken(self, since: int = 0) -> list[RtpPacket]:
        return [p for p in self.taken[since:] if p.payload != OPUS_SILENCE]

    async def close(self) -> None:
        await self.peer.close()
        await self.other.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    await line.close()


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


async def test_sender_reports_tell_of_what_was_sent(line: Line) -> None:
    """RTCP stays aiortc's, which reads what our stream writes down (RFC 3550 section 6.4.1)."""
    reports: list[RtcpSrPacket] = []
    await line.connect()
    receiver = line.other.getReceivers()[0]
    account = receiver._handle_rtcp_packet

    async def keep(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            reports.append(packet)
        await account(packet)

    vars(receiver)["_handle_rtcp_packet"] = keep
    await line.speak(8_000)
    reports.clear()
    await eventually(lambda: bool(reports), 10)
    told, newest = reports[-1].sender_info, line.taken[-1]
    assert abs(told.packet_count - len(line.taken)) <= 5
    assert reports[-1].ssrc == newest.ssrc
    assert (newest.timestamp - told.rtp_timestamp) % 2**32 <= 5 * FRAME
    assert abs(datetime_from_ntp(told.ntp_timestamp) - current_datetime()).total_seconds() < 2
    payloads = sum(len(packet.payload) for packet in line.taken)
    assert abs(told.octet_count - payloads) <= 5 * 250


async def test_stream_follows_ice_to_another_address_and_to_a_relay(line: Line) -> None:
    """Where ICE uses a relay there is no socket of ours: the loop hands it the packet."""
    await line.connect()
    (sender,) = line.peer._connection.getSenders()
    nominated: dict[int, Any] = sender.transport.transport._connection._nominated
    (pair,) = nominated.values()
    relayed: list[tuple[bytes, tuple[str, int]]] = []

    class Relay:
        def get_extra_info(self, name: str) -> None:
            return None

        def sendto(self, data: bytes, address: tuple[str, int]) -> None:
            relayed.append((data, address))

    class Protocol:
        transport = Relay()

    nominated[1] = SimpleNamespace(protocol=Protocol(), remote_addr=("192.0.2.1", 9))
    await eventually(lambda: len(relayed) > 3)
    assert {address for _, address in relayed} == {("192.0.2.1", 9)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.settimeout(5)
        at = elsewhere.getsockname()
        nominated[1] = SimpleNamespace(protocol=pair.protocol, remote_addr=at)
        data = await asyncio.to_thread(elsewhere.recv, 2048)
        assert data[0] >> 6 == 2
        del nominated[1]
        await asyncio.sleep(0.1)
        before = line.track.sent
        nominated[1] = pair
    count = len(line.taken)
    await eventually(lambda: len(line.taken) > count + 3)
    assert line.track.sent > before


async def test_two_threads_encrypt_in_one_session() -> None:
    """Sound in the microphone's thread and RTCP on the loop: each comes out whole."""
    key = bytes(range(30))

    def session(direction: int) -> Session:
        policy = Policy(key=key, ssrc_type=direction)
        return Session(policy)

    locked = LockedSession(session(Policy.SSRC_ANY_OUTBOUND))
    rtp = [struct.pack("!BBHII", 0x80, 96, n, 0, 1) + bytes([n % 256]) * 160 for n in range(3_000)]
    rtcp = bytes(RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=1, items=[(1, b"box")])]))
    reports = asyncio.to_thread(lambda: [locked.protect_rtcp(rtcp) for _ in range(3_000)])
    sound = asyncio.to_thread(lambda: [locked.protect(packet) for packet in rtp])
    protected, reported = await asyncio.gather(sound, reports)
    other = session(Policy.SSRC_ANY_INBOUND)
    assert [other.unprotect(packet) for packet in protected] == rtp
    assert {other.unprotect_rtcp(packet) for packet in reported} == {rtcp}


def test_another_sender_is_refused_loudly() -> None:
    async def run(stream: RtpStream) -> None:
        """Never comes to it."""

    changed = object.__new__(RTCRtpSender)
    with pytest.raises(RuntimeError, match="aiortc has changed"):
        take_over(changed, run)
    with pytest.raises(RuntimeError, match="aiortc has changed"):
        on_loss(changed, lambda fraction: None)
