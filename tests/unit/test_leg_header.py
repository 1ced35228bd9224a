"""Our reading of an RTP header against aiortc's, which reads all of it."""

from __future__ import annotations

import struct

from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.leg.receive.header import EXTENDED, parse

Told = tuple[int, int, int, int, int, bytes]
EXTENSIONS = HeaderExtensionsMap()


def told(packet: RtpPacket) -> Told:
    return (
        packet.payload_type,
        packet.marker,
        packet.sequence_number,
        packet.timestamp,
        packet.ssrc,
        packet.payload,
    )


def ours(data: bytes) -> Told | None:
    try:
        return told(parse(data))
    except ValueError:
        return None


def theirs(data: bytes) -> Told | None:
    try:
        return told(RtpPacket.parse(data, EXTENSIONS))
    except (ValueError, struct.error):
        return None


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """A header with any of its parts, and some of what comes after it."""
    sources, extended, padded = draw(st.integers(0, 15)), draw(st.booleans()), draw(st.booleans())
    head = bytes([0x80 | padded << 5 | extended << 4 | sources])
    body = draw(st.binary(min_size=11, max_size=11)) + bytes(4 * sources)
    if extended:
        words = draw(st.integers(0, 4))
        body += struct.pack("!HH", draw(st.sampled_from([0xBEDE, 0x1000, 7])), words)
        body += bytes(4 * words)
    payload = draw(st.binary(max_size=40))
    if padded:
        payload += bytes([draw(st.integers(0, 45))])
    return head + body + payload[: draw(st.integers(0, 60))]


@given(packets())
@example(bytes([0x80]) + bytes(11))
@example(bytes([0xA0]) + bytes(11))
@example(bytes([0x90]) + bytes(11))
def test_both_read_the_same(data: bytes) -> None:
    assert ours(data) == theirs(data)


@given(st.binary(max_size=80))
def test_no_octets_raise_anything_else(data: bytes) -> None:
    """Of what aiortc refuses, ours takes only what has a malformed extension."""
    if theirs(data) is None and ours(data) is not None:
        assert data[0] & EXTENDED
    else:
        assert theirs(data) == ours(data)
