"""Our RTP stream over real aiortc: which way it takes, in which thread, and its sender reports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aioice.ice import CandidatePair
from aioice.turn import TurnClientProtocol, TurnTransport
from aiortc import RTCRtpSender
from aiortc.clock import current_datetime, datetime_from_ntp
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpSdesPacket,
    RtcpSourceInfo,
    RtcpSrPacket,
)
from pylibsrtp import Error, Policy, Session

from appliance.control_link.words import Audience
from appliance.leg.codecs.opus import FRAME
from appliance.leg.uplink.rtp_stream import RtpStream, take_over
from appliance.leg.uplink.srtp import LockedSession
from appliance.leg.uplink.ways import unsent, way_over
from appliance.webrtc import OPUS_SILENCE, on_loss
from tests.support.microphone import tone
from tests.support.uplink_line import Line
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("only_loopback", "aiortc_may_wait")


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


AROUND = 60
"""Octets of a packet, or a few more, that are not its payload."""


class Relay:
    """What aioice has in place of a socket where a relay (TURN) is used; the relay is not there."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.peer_to_channel = {address: 0x4001}
        self.sent: list[bytes] = []
        self.threads: set[int] = set()
        self.closing, self.buffered = False, 0
        self.socket: Any = SimpleNamespace(type=socket.SOCK_DGRAM)
        self.transport = SimpleNamespace(
            is_closing=lambda: self.closing,
            get_write_buffer_size=lambda: self.buffered,
            get_extra_info=lambda name: self.socket,
        )
        as_aioice_has_it = TurnTransport(cast(TurnClientProtocol, self))
        protocol = SimpleNamespace(transport=as_aioice_has_it, send_data=self._rtcp)
        self.pair = SimpleNamespace(protocol=protocol, remote_addr=address)

    def _send(self, data: bytes) -> None:
        self.sent.append(data)
        self.threads.add(threading.get_ident())

    async def _rtcp(self, data: bytes, address: tuple[str, int]) -> None:
        """Goes aiortc's way."""

    @contextlib.contextmanager
    def between(self, line: Line) -> Iterator[None]:
        """ICE has chosen it."""
        pairs = nominated(line)
        (pair,) = pairs.values()
        pairs[1] = self.pair
        try:
            yield
        finally:
            pairs[1] = pair


def nominated(line: Line) -> dict[int, Any]:
    """The pairs of addresses that ICE has chosen."""
    (sender,) = line.peer._connection.getSenders()
    pairs: dict[int, Any] = sender.transport.transport._connection._nominated
    return pairs


def of_speech(relayed: list[bytes]) -> list[bytes]:
    """A silence frame is shorter than a spoken one, encrypted or not."""
    shortest = min(map(len, relayed))
    return [data for data in relayed if len(data) > shortest]


def speak_once(line: Line) -> None:
    """The microphone's thread gives a frame, and the loop does nothing meanwhile."""
    thread = threading.Thread(target=line.box.uplink.push, args=(tone(500.0, FRAME), 0.0))
    thread.start()
    thread.join(10)


async def test_stream_follows_ice_to_another_address(line: Line) -> None:
    await line.connect()
    pairs = nominated(line)
    (pair,) = pairs.values()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.settimeout(5)
        at = elsewhere.getsockname()
        pairs[1] = SimpleNamespace(protocol=pair.protocol, remote_addr=at)
        data = await asyncio.to_thread(elsewhere.recv, 2048)
        assert data[0] >> 6 == 2
    del pairs[1]
    before = line.track.sent
    await eventually(lambda: line.track.sent > before + 3)
    pairs[1] = pair
    count = len(line.taken)
    await eventually(lambda: len(line.taken) > count + 3)


async def test_nothing_goes_to_an_address_that_ice_has_given_up(line: Line) -> None:
    """At once, not when the loop looks next: it may be held up."""
    await line.connect()
    await line.speak(8_000)
    pairs = nominated(line)

    async def none(packet: object) -> None:
        """A report would find that there is no connection any more, and end it."""

    vars(line.other.getReceivers()[0])["_send_rtcp"] = none
    await asyncio.sleep(0.1)  # what was on its way has come
    spoken, sent = len(line.spoken()), line.track.sent
    (pair,) = pairs.values()
    pairs.clear()  # as aioice does where consent has expired (RFC 7675)
    for _ in range(4):
        speak_once(line)
        await eventually(lambda sent=line.track.sent: line.track.sent > sent)  # type: ignore[misc]
    await asyncio.sleep(0.1)
    taken = len(line.taken)
    await eventually(lambda: line.track.sent > sent + 10)
    assert len(line.taken) == taken, "silence goes there"
    assert len(line.spoken()) == spoken
    pairs[1] = pair
    await eventually(lambda: len(line.taken) > taken + 3)


async def test_a_frame_that_comes_as_ice_chooses_anew_goes_the_new_way_at_once(line: Line) -> None:
    """It is left to the loop, which would not have looked before the tenth of a second."""
    await line.connect()
    await line.speak(8_000)
    relay, spoken = Relay(("192.0.2.1", 9)), len(line.spoken())
    with relay.between(line):
        speak_once(line)
        await eventually(lambda: bool(relay.sent))
        assert len(relay.sent[0]) > len(OPUS_SILENCE) + AROUND, "silence came first"
        speak_once(line)  # waits for the loop
    await eventually(lambda: len(line.spoken()) == spoken + 1)


async def test_over_a_relay_the_loop_sends_and_nothing_after_a_mute(line: Line) -> None:
    await line.connect()
    gate = line.box.gate

    def speak(frames: int) -> None:
        for number in range(frames):
            line.box.uplink.push(tone(500.0, FRAME, number * FRAME), 0.0)

    relay = Relay(("192.0.2.1", 9))
    with relay.between(line):
        await eventually(lambda: len(relay.sent) > 3)
        assert not of_speech(relay.sent)
        channel, length = struct.unpack("!HH", relay.sent[0][:4])
        assert (channel, length) == (0x4001, len(relay.sent[0]) - 4)
        gate.consent(gate.prepare("button"), Audience.EVERYONE)
        for frame in range(5):
            await asyncio.to_thread(speak, 1)
            await eventually(lambda frame=frame: len(of_speech(relay.sent)) > frame)  # type: ignore[misc]
        assert relay.threads == {threading.get_ident()}
        speaking = threading.Thread(target=speak, args=(3,))
        speaking.start()
        speaking.join(10)  # what it gave waits for the loop
        gate.close("button")
        count = len(relay.sent)
        await eventually(lambda: len(relay.sent) > count + 3)
        assert len(of_speech(relay.sent)) == 5


async def test_nothing_waits_for_a_relay_to_bind_its_channel(line: Line) -> None:
    """aioice would send it when that is done, whatever was muted meanwhile."""
    await line.connect()
    relay = Relay(("192.0.2.1", 9))
    relay.peer_to_channel.clear()
    with relay.between(line):
        before = line.track.sent
        await eventually(lambda: line.track.sent > before + 5)
    assert relay.sent == []


async def test_a_thread_that_began_before_ice_came_to_a_relay_sends_nothing_there() -> None:
    relay = Relay(("192.0.2.1", 9))
    way = way_over(cast(CandidatePair, relay.pair))
    assert not way.anywhere
    await asyncio.to_thread(way.send, b"late")
    assert relay.sent == []
    way.send(b"on the loop")
    assert [data[4:] for data in relay.sent] == [b"on the loop"]


async def test_nothing_is_given_to_a_relay_that_has_not_sent_what_it_was_given() -> None:
    """A line that stands still would send it when it goes on, long after a mute."""
    relay = Relay(("192.0.2.1", 9))
    way = way_over(cast(CandidatePair, relay.pair))
    for standing_still in ({"buffered": 1}, {"closing": True}):
        vars(relay).update(standing_still)
        way.send(b"late")
        vars(relay).update(buffered=0, closing=False)
    assert relay.sent == []
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay.socket = socket.create_connection(server.getsockname())
        with relay.socket, server.accept()[0] as reader:
            way.send(b"first")
            relay.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:  # until the reader's window is full, and ours
                    relay.socket.send(bytes(65_536))
            assert unsent(relay.socket) > 0
            way.send(b"late")
            reader.settimeout(5)
            while unsent(relay.socket):
                await asyncio.to_thread(reader.recv, 1 << 20)
            way.send(b"second")
    assert [data[4:] for data in relay.sent] == [b"first", b"second"]


async def test_stream_that_cannot_encrypt_ends_its_track(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is the microphone's thread that finds out: the thread goes on."""
    await line.connect()
    await line.speak(8_000)
    (sender,) = line.peer._connection.getSenders()

    def refuses(packet: bytes) -> bytes:
        raise Error("of the test")

    monkeypatch.setattr(sender.transport._tx_srtp, "protect", refuses)
    ended: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: ended.append(args.exc_type))
    speak_once(line)
    assert ended == []
    await eventually(lambda: line.track.readyState == "ended")


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
