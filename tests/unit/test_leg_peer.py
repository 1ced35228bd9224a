"""The peer that makes and takes session descriptions, with real aiortc."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from appliance.control_link.base import IceServer
from appliance.leg.peer import Direction, Peer, PeerError
from tests.support.leg_media import answer_to, new_track

pytestmark = pytest.mark.usefixtures("only_loopback")

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


async def test_offer_has_one_line_that_prefers_opus(peers: Maker) -> None:
    offer = await peers().offer()
    assert re.findall(r"a=rtpmap:\d+ (\S+)", offer) == [
        "opus/48000/2",
        "G722/8000",
        "PCMU/8000",
        "PCMA/8000",
    ]
    assert offer.count("m=audio") == 1
    assert "useinbandfec=1" in offer
    assert "a=sendrecv" in offer
    assert "127.0.0.1" in offer


async def test_receive_only_offer_says_so(peers: Maker) -> None:
    assert "a=recvonly" in await peers("recvonly").offer()


def without_a_codec_of_ours(sdp: str) -> str:
    return re.sub(r"(a=rtpmap:\d+) \S+", r"\1 G729/8000", sdp)


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
    without_a_codec_of_ours,
]
OTHER_MID = 7  # an offer may name its line as it likes


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


async def test_answer_prefers_opus_and_leaves_pictures_out(peers: Maker) -> None:
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    other.addTransceiver("audio")
    other.addTransceiver("video")
    await other.setLocalDescription(await other.createOffer())
    answer = await peers().answer(other.localDescription.sdp)
    await other.close()
    audio, video = answer.split("m=")[1:]
    assert re.findall(r"a=rtpmap:\d+ (\S+)", audio)[0] == "opus/48000/2"
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
