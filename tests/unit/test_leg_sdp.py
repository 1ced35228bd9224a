"""Session descriptions and the peer that makes and takes them, with real aiortc."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable

import pytest
from aioice import ice
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket
from blockbuster import BlockBuster

from appliance.control_link.base import IceServer
from appliance.control_link.commands import Join
from appliance.control_link.words import Audience, EndReason, Gate, Media
from appliance.leg.call import Call, CallError
from appliance.leg.gate import MicrophoneGate
from appliance.leg.peer import Direction, Peer, PeerError
from appliance.leg.sdp import offer_error_correction
from appliance.leg.settings import LegSettings
from appliance.leg.uplink import Uplink, UplinkTrack
from tests.support.peer import Peer as OtherEnd

Change = tuple[Media, EndReason | None]


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


def new_track(gate: MicrophoneGate | None = None) -> UplinkTrack:
    gate = gate or MicrophoneGate(lambda state: None, lambda on: None, lambda: None)
    return UplinkTrack(gate, Uplink(gate, LegSettings()))


Maker = Callable[..., Peer]


@pytest.fixture
async def peers() -> AsyncIterator[Maker]:
    made: list[Peer] = []

    def make(direction: Direction = "sendrecv", servers: list[IceServer] | None = None) -> Peer:
        made.append(Peer(new_track(), direction, servers or [], lambda: None))
        return made[-1]

    yield make
    for peer in made:
        await peer.close()


# -- error correction


OFFER = (
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96 0\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
)


def test_error_correction_is_asked_for_once_and_for_opus_only() -> None:
    once = offer_error_correction(OFFER)
    assert once.count("a=fmtp:96 minptime=10;useinbandfec=1\r\n") == 1
    assert "a=fmtp:0 " not in once
    assert offer_error_correction(once) == once


def test_settings_of_opus_that_are_there_are_left_alone() -> None:
    described = OFFER + "a=fmtp:96 stereo=1\r\n"
    assert offer_error_correction(described) == described


def test_every_line_ends_as_the_standard_says() -> None:
    assert offer_error_correction(OFFER.replace("\r\n", "\n")) == offer_error_correction(OFFER)


# -- what the platform may send


async def test_offer_has_one_opus_line_and_no_other_codec(peers: Maker) -> None:
    offer = await peers().offer()
    assert re.findall(r"a=rtpmap:\d+ (\S+)", offer) == ["opus/48000/2"]
    assert "useinbandfec=1" in offer
    assert "a=sendrecv" in offer
    assert "127.0.0.1" in offer


async def test_receive_only_offer_says_so(peers: Maker) -> None:
    assert "a=recvonly" in await peers("recvonly").offer()


def without_opus(sdp: str) -> str:
    return sdp.replace("opus/48000/2", "G729/8000")


BROKEN: list[Callable[[str], str]] = [
    lambda sdp: "nothing of the kind",
    lambda sdp: "v=0\r\nm=audio",
    lambda sdp: "m=audio x y z\r\n" * 3,
    lambda sdp: sdp.replace("a=ice-ufrag", "a=nothing"),
    lambda sdp: sdp.replace("a=fingerprint", "a=nothing"),
    lambda sdp: sdp.replace("a=setup:", "a=setup:x"),
    lambda sdp: sdp.replace("a=rtpmap:", "a=rtpmap:x"),
    lambda sdp: sdp.replace("a=mid:0", "a=mid:7"),
    lambda sdp: sdp.replace("a=candidate:", "a=candidate:x "),
    lambda sdp: sdp.replace("m=audio", "m=video"),
    lambda sdp: sdp[: len(sdp) // 3],
    without_opus,
]
OTHER_MID = 7  # an offer may name its line as it likes


async def answer_to(offer: str) -> tuple[str, RTCPeerConnection]:
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await other.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await other.setLocalDescription(await other.createAnswer())
    return other.localDescription.sdp, other


@pytest.mark.parametrize("number", range(len(BROKEN)))
async def test_unusable_answer_is_refused_in_words(peers: Maker, number: int) -> None:
    peer = peers()
    answer, other = await answer_to(await peer.offer())
    try:
        with pytest.raises(PeerError) as refused:
            await peer.accept(BROKEN[number](answer))
    finally:
        await other.close()
    assert refused.value.code == "refused_offer"
    assert not peer.may_send


@pytest.mark.parametrize("number", [n for n in range(len(BROKEN)) if n != OTHER_MID])
async def test_unusable_offer_is_refused_in_words(peers: Maker, number: int) -> None:
    offer = await peers().offer()
    with pytest.raises(PeerError):
        await peers().answer(BROKEN[number](offer))


@pytest.mark.parametrize("url", ["garbage", "stun:", "http://h", ""])
async def test_malformed_ice_server_is_refused_in_words(peers: Maker, url: str) -> None:
    with pytest.raises(PeerError, match="malformed"):
        await peers(servers=[IceServer(urls=[url])]).offer()


async def test_closed_peer_refuses_in_words(peers: Maker) -> None:
    peer = peers()
    await peer.close()
    with pytest.raises(PeerError):
        await peer.offer()


async def test_answer_takes_opus_alone_and_leaves_pictures_out(peers: Maker) -> None:
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    other.addTransceiver("audio")
    other.addTransceiver("video")
    await other.setLocalDescription(await other.createOffer())
    answer = await peers().answer(other.localDescription.sdp)
    await other.close()
    audio, video = answer.split("m=")[1:]
    assert re.findall(r"a=rtpmap:\d+ (\S+)", audio) == ["opus/48000/2"]
    assert "a=sendrecv" in audio
    assert "a=inactive" in video


@pytest.mark.parametrize(
    ("ours", "theirs", "may"),
    [
        ("sendrecv", "sendrecv", True),
        ("sendrecv", "sendonly", False),
        ("sendrecv", "inactive", False),
        ("recvonly", "sendonly", False),
    ],
)
async def test_may_send_only_what_both_agreed_on(
    peers: Maker, ours: Direction, theirs: str, may: bool
) -> None:
    peer = peers(ours)
    answer, other = await answer_to(await peer.offer())
    assert not peer.may_send
    await peer.accept(re.sub("a=(sendrecv|sendonly|recvonly|inactive)", f"a={theirs}", answer))
    assert peer.may_send is may
    await other.close()


# -- a whole call over loopback


class Talk:
    """Our call as the answering side, and stock aiortc as the other."""

    def __init__(self, **settings: float) -> None:
        self.gate = MicrophoneGate(lambda state: None, lambda on: None, lambda: None)
        self.track = new_track(self.gate)
        self.changes: list[Change] = []
        self.other = OtherEnd()
        self.settings = LegSettings(**settings)
        self.call: Call | None = None

    async def begin(self) -> Call:
        join = Join(id=1, session_id="s", offer=await self.other.offer())
        self.call = call = Call(
            join, self.track, self.settings, lambda media, why: self.changes.append((media, why))
        )
        await self.other.accept(await call.describe())
        return call

    async def until(self, wanted: Change) -> None:
        async with asyncio.timeout(20):
            while wanted not in self.changes:
                await asyncio.sleep(0.01)


@pytest.fixture
async def talk(nothing_blocks_the_loop: BlockBuster) -> AsyncIterator[Talk]:
    # aiortc waits for its decoder thread, which has had nothing to decode and ends at once.
    lock = nothing_blocks_the_loop.functions["threading.Lock.acquire"]
    lock.can_block_in("aiortc/rtcrtpreceiver.py", {"__stop_decoder"})
    talk = Talk(interrupted_after_s=0.5, media_timeout_s=1.5)
    yield talk
    if talk.call is not None:
        await talk.call.close()
    await talk.other.close()


async def test_call_that_answers_is_connected_and_hears(talk: Talk) -> None:
    call = await talk.begin()
    talk.other.track.hz = 440.0
    await talk.until((Media.CONNECTED, None))
    assert call.peer.may_send
    async with asyncio.timeout(10):
        while call.quality().received < 20:
            await asyncio.sleep(0.02)
    assert call.quality().sent > 0


async def test_sender_that_gives_up_ends_the_call(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiortc logs whatever goes wrong in its sender, stops it, and stays connected."""
    await talk.begin()
    await talk.until((Media.CONNECTED, None))

    def fails() -> bytes:
        raise ArithmeticError("of the test")

    monkeypatch.setattr(talk.track._uplink, "take", fails)
    await talk.until((Media.ENDED, EndReason.MEDIA_LOST))


async def test_platform_that_goes_ends_the_call(talk: Talk) -> None:
    await talk.begin()
    await talk.until((Media.CONNECTED, None))
    await talk.other.close()
    await talk.until((Media.ENDED, EndReason.MEDIA_LOST))


async def test_speech_is_not_sent_again_after_it_was_sent_once(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await talk.begin()
    await talk.until((Media.CONNECTED, None))
    (sender,) = (s for s in call.peer._connection.getSenders() if s.track is talk.track)
    wire = sender.transport
    seen: list[int] = []
    send = wire._send_rtp

    async def spy(data: bytes) -> None:
        if data[1] & 0x7F < 72 or data[1] & 0x7F > 76:  # else it is RTCP (RFC 5761)
            seen.append(int.from_bytes(data[2:4], "big"))
        await send(data)

    monkeypatch.setattr(wire, "_send_rtp", spy)
    async with asyncio.timeout(10):
        while len(seen) < 5:
            await asyncio.sleep(0.02)
    asked = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=sender._ssrc, lost=seen[:5])
    await sender._handle_rtcp_packet(asked)
    assert len(seen) == len(set(seen))


async def test_hook_on_the_sender_is_still_there() -> None:
    assert asyncio.iscoroutinefunction(RTCRtpSender._retransmit)


async def test_call_hung_up_while_it_is_described_leaves_no_watch(talk: Talk) -> None:
    join = Join(id=1, session_id="s", offer=await talk.other.offer())
    call = Call(join, talk.track, talk.settings, lambda media, why: None)
    describing = asyncio.create_task(call.describe())
    await asyncio.sleep(0)
    await call.close()
    await asyncio.gather(describing, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("media watch")] == []


async def test_second_answer_is_refused_also_while_the_first_is_taken() -> None:
    changes: list[Change] = []
    call = Call(
        Join(id=1, session_id="s"),
        new_track(),
        LegSettings(),
        lambda media, why: changes.append((media, why)),
    )
    answer, other = await answer_to(await call.describe())
    results = await asyncio.gather(call.accept(answer), call.accept(answer), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), CallError]
    with pytest.raises(CallError):
        await call.accept(answer)
    await call.close()
    await other.close()
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("media watch")] == []


async def test_closed_call_stops_its_packets_at_once(talk: Talk) -> None:
    call = await talk.begin()
    await talk.until((Media.CONNECTED, None))
    talk.gate.arm("s")
    talk.gate.consent(talk.gate.prepare("control"), Audience.EVERYONE)
    talk.gate.frame_ready()
    assert talk.gate.state is Gate.OPEN
    began = time.monotonic()
    closing = asyncio.create_task(call.close())
    await asyncio.sleep(0)
    sent = talk.track.sent
    await closing
    assert talk.track.sent == sent
    assert time.monotonic() - began < 3.0
