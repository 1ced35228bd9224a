"""The care with session descriptions between aiortc and the voice gateway."""

from __future__ import annotations

import re

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from appliance.platforms.cxengage import sdp

OFFER = (
    """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=ice-lite
a=group:BUNDLE audio
m=audio 9 RTP/SAVPF 111 0 126
c=IN IP4 127.0.0.1
a=mid:audio
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host
a=setup:actpass
a=fingerprint:sha-256 %s
""".replace("\n", "\r\n")
    % ":".join(["AB"] * 32)
)
BARE = re.sub(r"a=(mid|group):[^\r]*\r\n", "", OFFER)


async def answered(offer: str) -> str:
    """Stock aiortc's answer."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp.for_leg(offer), "offer"))
        await connection.setLocalDescription()
        return connection.localDescription.sdp
    finally:
        await connection.close()


async def test_the_answer_is_as_the_gateway_expects_it(only_loopback: None) -> None:
    plain = await answered(OFFER)
    assert "UDP/TLS/RTP/SAVPF" in plain  # what the care is for
    assert plain.count("a=fingerprint:") > 1
    answer = sdp.for_gateway(plain, OFFER)
    assert re.search(r"(?m)^m=audio \d+ RTP/SAVPF 111 0\b", answer)
    assert re.findall(r"(?m)^a=fingerprint:(\S+)", answer) == ["sha-256"]
    assert "a=group:BUNDLE audio\r\n" in answer
    assert "a=mid:audio\r\n" in answer


async def test_a_missing_mid_is_supplied_and_not_told_back(only_loopback: None) -> None:
    offer = sdp.for_leg(BARE)
    assert "a=group:BUNDLE audio\r\nm=audio" in offer
    assert "c=IN IP4 127.0.0.1\r\na=mid:audio\r\n" in offer
    plain = await answered(BARE)
    assert "a=group:BUNDLE audio\r\n" in plain
    answer = sdp.for_gateway(plain, BARE)
    assert "a=mid:" not in answer
    assert "a=group:" not in answer


def test_an_offer_with_mid_stays_as_it_is() -> None:
    assert sdp.for_leg(OFFER) == OFFER


@pytest.mark.parametrize("offer", [OFFER, BARE, ""])
@given_settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from([*OFFER.split("\r\n"), "m=", "m=a", "a=mid:"])).map(
    "\r\n".join
))  # fmt: skip
def test_any_text_passes_through_without_harm(offer: str, text: str) -> None:
    for out in (sdp.for_leg(text), sdp.for_gateway(text, offer), sdp.for_gateway(offer, text)):
        assert len(out) <= 8 * sdp.MOST
