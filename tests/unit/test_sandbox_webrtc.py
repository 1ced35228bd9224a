"""The contract with aiortc and aioice: these fail when the pinned libraries change under us."""

from __future__ import annotations

import inspect

import pytest
from aioice import ice
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecParameters,
    RTCRtpReceiver,
    RTCRtpTransceiver,
)
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket

from appliance.webrtc import (
    LOOPBACK,
    OPUS_SILENCE,
    agreed_codecs,
    allow_loopback,
    also_receive,
    received_packets,
    tap_receiver,
)


@pytest.fixture(autouse=True)
def _own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put aioice back as it was afterwards."""
    monkeypatch.setattr(ice, "get_host_addresses", ice.get_host_addresses)


async def _candidates() -> list[str]:
    connection = ice.Connection(ice_controlling=True)
    await connection.gather_candidates()
    hosts = [candidate.host for candidate in connection.local_candidates]
    await connection.close()
    return hosts


def test_aioice_asks_the_function_that_is_replaced() -> None:
    assert "get_host_addresses(" in inspect.getsource(ice.Connection.gather_candidates)
    assert list(inspect.signature(ice.get_host_addresses).parameters)[-2:] == [
        "use_ipv4",
        "use_ipv6",
    ]


async def test_loopback_is_offered_beside_the_others() -> None:
    allow_loopback()
    assert LOOPBACK in await _candidates()


async def test_loopback_only_offers_nothing_else() -> None:
    allow_loopback(only=True)
    assert await _candidates() == [LOOPBACK]
    allow_loopback(only=True)
    assert await _candidates() == [LOOPBACK]


async def test_a_tapped_receiver_hands_over_packets_and_buffers_none() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver("audio").receiver
    arrived: list[RtpPacket] = []
    tap_receiver(receiver, arrived.append)
    packet = RtpPacket(payload_type=96, sequence_number=7)
    await receiver._handle_rtp_packet(packet, arrival_time_ms=0)
    assert arrived == [packet]
    assert received_packets(receiver) == 0
    await connection.close()


def test_the_handler_of_aiortc_still_keeps_the_statistics_that_are_kept_for_it() -> None:
    source = inspect.getsource(RTCRtpReceiver._handle_rtp_packet)
    assert "self.__remote_streams[packet.ssrc] = StreamStatistics(codec.clockRate)" in source
    assert "self.__remote_streams[packet.ssrc].add(packet)" in source
    assert list(inspect.signature(RTCRtpReceiver._handle_rtp_packet).parameters) == [
        "self",
        "packet",
        "arrival_time_ms",
    ]


LOSSY = [65_530, 65_531, 65_533, 65_532, 65_535, 2, 1, 1, 7]
"""Sequence numbers with gaps, a late one, a copy, and a wrap."""


def _reports(receiver: RTCRtpReceiver) -> dict[int, tuple[int, ...]]:
    """What goes into a receiver report on each source, but for the jitter of this machine."""
    streams: dict[int, StreamStatistics] = vars(receiver)["_RTCRtpReceiver__remote_streams"]
    return {
        ssrc: (s.fraction_lost, s.packets_lost, s.max_seq or 0, s.cycles, s.packets_received)
        for ssrc, s in streams.items()
    }


async def test_a_tapped_receiver_reports_the_same_losses_as_an_untapped_one() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tapped, stock = (connection.addTransceiver("audio").receiver for _ in range(2))
    tap_receiver(tapped, lambda packet: None)
    for receiver in (tapped, stock):
        vars(receiver)["_RTCRtpReceiver__codecs"][96] = RTCRtpCodecParameters(
            mimeType="audio/opus", clockRate=48_000, channels=2, payloadType=96
        )
        for ssrc, kind in ((7, 96), (8, 96), (9, 97)):
            for number in LOSSY[: 3 + ssrc % 2 * 9]:
                packet = RtpPacket(kind, 0, number, number * 960 & 0xFFFFFFFF, ssrc, b"\xf8")
                await receiver._handle_rtp_packet(packet, arrival_time_ms=0)
    reported = _reports(tapped)
    assert reported == _reports(stock)
    assert set(reported) == {7, 8}, "nothing is reported on what nobody agreed on"
    assert reported[7][1] > 0
    await connection.close()


async def test_a_line_tells_what_was_agreed_on_and_lets_other_types_through() -> None:
    ours, theirs = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    transceiver = ours.addTransceiver("audio")
    assert agreed_codecs(transceiver) == {}
    await ours.setLocalDescription()
    await theirs.setRemoteDescription(ours.localDescription)
    await theirs.setLocalDescription()
    await ours.setRemoteDescription(theirs.localDescription)
    assert agreed_codecs(transceiver) == {96: "OPUS", 9: "G722", 0: "PCMU", 8: "PCMA"}
    router = transceiver.receiver.transport._rtp_router
    router.register_receiver(transceiver.receiver, ssrcs=[7], payload_types=[0])
    noise = RtpPacket(payload_type=13)
    noise.ssrc = 7
    assert router.route_rtp(noise) is None
    also_receive(transceiver.receiver, 13)
    assert router.route_rtp(noise) is transceiver.receiver
    await ours.close()
    await theirs.close()


def test_another_transceiver_is_refused_loudly() -> None:
    with pytest.raises(RuntimeError, match="aiortc has changed"):
        agreed_codecs(object.__new__(RTCRtpTransceiver))


def test_another_receiver_is_refused_loudly() -> None:
    changed = object.__new__(RTCRtpReceiver)
    with pytest.raises(RuntimeError, match="aiortc has changed"):
        tap_receiver(changed, lambda packet: None)


def test_the_silence_frame_is_opus_mono_20_ms() -> None:
    assert OPUS_SILENCE[0] >> 3 == 31, "CELT, full band, 20 ms (RFC 6716, table 2)"
    assert not OPUS_SILENCE[0] & 0b100, "mono"
