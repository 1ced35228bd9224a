"""The few places where this project reaches into aiortc and aioice, shared by leg and sandbox.

The others are in `appliance.leg`: `receive.shortcut`, and `rtp_stream`, `srtp`, `ways` in `uplink`.

Both libraries are pinned; the contract tests of this module fail loudly when they change.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aioice import ice, stun
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpRrPacket, RtcpSrPacket

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
    from aiortc.rtp import AnyRtcpPacket, RtpPacket

OPUS_SILENCE = b"\xf8\xff\xfe"
"""The constant silence frame: Opus, mono, 20 ms (RFC 6716; the same three bytes Asterisk and
libwebrtc send). It holds no sample of any microphone."""

LOOPBACK = "127.0.0.1"

_host_addresses = ice.get_host_addresses


def allow_loopback(*, only: bool = False) -> None:
    """Offer 127.0.0.1 as an ICE host candidate, for this whole process, from now on.

    aioice skips the loopback interface, so that without a network no pair is ever formed.
    With *only*, no other host address is offered, and media stays on this machine.
    Calling it again changes *only*.
    """
    ice.get_host_addresses = functools.partial(_with_loopback, only)


def _with_loopback(only: bool, use_ipv4: bool, use_ipv6: bool) -> list[str]:
    others = [] if only else _host_addresses(use_ipv4, use_ipv6)
    return [*others, LOOPBACK] if use_ipv4 else others


Taker = Callable[["RtpPacket"], None]
"""Takes a packet, on the loop."""

_TAKER = "_bargebox_taker"
_CODECS, _STREAMS = "_RTCRtpReceiver__codecs", "_RTCRtpReceiver__remote_streams"


def tap_receiver(receiver: RTCRtpReceiver, on_packet: Taker) -> None:
    """Hand every RTP packet that arrives at *receiver*, of audio, to *on_packet*, on the loop, at
    once.

    aiortc keeps the statistics of its RTCP reports, but buffers and decodes nothing, and does not
    note when which source was heard. Call it before the connection is made. Raises RuntimeError
    when aiortc is not the one this was written for.
    """
    kept = vars(receiver)
    if _CODECS not in kept or _STREAMS not in kept:
        raise RuntimeError("aiortc has changed: its receiver keeps no statistics of that name")

    def take(packet: RtpPacket) -> None:
        on_packet(packet)
        _account(receiver, packet)

    async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
        take(packet)

    kept["_handle_rtp_packet"] = handle
    kept[_TAKER] = take


def taker_of(receiver: object) -> Taker | None:
    """What takes a packet of *receiver* where it is tapped, as aiortc would have it taken."""
    taker: Taker | None = getattr(receiver, _TAKER, None)
    return taker


def _account(receiver: RTCRtpReceiver, packet: RtpPacket) -> None:
    """What aiortc does for its reports (RFC 3550 section 6.4), and nothing else of what it does."""
    kept = vars(receiver)
    codec = kept[_CODECS].get(packet.payload_type)
    if codec is None or not receiver._enabled:
        return
    streams: dict[int, StreamStatistics] = kept[_STREAMS]
    if packet.ssrc not in streams:
        streams[packet.ssrc] = StreamStatistics(codec.clockRate)
    streams[packet.ssrc].add(packet)


def never_send_again(sender: RTCRtpSender) -> None:
    """Ignore requests to send a packet again: it may hold speech, and the gate may be shut by now.

    Raises RuntimeError when aiortc has changed.
    """
    if not hasattr(sender, "_retransmit"):
        raise RuntimeError("aiortc has changed: its sender sends nothing again by that name")

    async def ignore(sequence_number: int) -> None:
        """Sent once is enough."""

    vars(sender)["_retransmit"] = ignore


def on_loss(sender: RTCRtpSender, tell: Callable[[float], None]) -> None:
    """Call *tell*, on the loop, with the fraction lost (0 to 1) of each report on what *sender*
    sends (RTCP receiver and sender reports, RFC 3550 section 6.4).

    Raises RuntimeError when aiortc has changed.
    """
    if not hasattr(sender, "_handle_rtcp_packet") or not hasattr(sender, "_ssrc"):
        raise RuntimeError("aiortc has changed: its sender handles no reports by that name")
    account = sender._handle_rtcp_packet

    async def handle(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == sender._ssrc:
                    tell(report.fraction_lost / 256)
        await account(packet)

    vars(sender)["_handle_rtcp_packet"] = handle


def agreed_codecs(transceiver: RTCRtpTransceiver) -> dict[int, str]:
    """What both sides agreed on: codec names in upper case by payload type. aiortc sends the
    first. Empty before the other side's description.

    Raises RuntimeError when aiortc is not the one this was written for.
    """
    if "_codecs" not in vars(transceiver):
        raise RuntimeError("aiortc has changed: its transceiver keeps no codecs of that name")
    return {
        codec.payloadType: codec.mimeType.partition("/")[2].upper()
        for codec in transceiver._codecs
        if codec.payloadType is not None
    }


def also_receive(receiver: RTCRtpReceiver, payload_type: int) -> None:
    """Let packets of *payload_type* through to *receiver* as well, though nobody agreed on it.

    Call it when the other side's description is known, and with it the transport.
    """
    table: dict[int, set[Any]] = receiver.transport._rtp_router.payload_type_table
    table.setdefault(payload_type, set()).add(receiver)


def received_packets(receiver: RTCRtpReceiver) -> int:
    """RTP and RTCP packets that arrived on the receiver's transport (bundled: all of them)."""
    stats: dict[str, Any] = receiver.transport._get_stats()
    return sum(report.packetsReceived for report in stats.values())


async def path_answers(connection: RTCPeerConnection) -> bool:
    """Ask once, over the addresses in use, whether the far end is there; waits at most 0.5 s.

    This is the STUN request that aioice sends every 5 s by itself (RFC 7675), and an error is an
    answer too. False while nothing is connected.
    """
    transports = {t.receiver.transport.transport for t in connection.getTransceivers()}
    for path in (transport._connection for transport in transports):
        for pair in tuple(path._nominated.values()):  # closed meanwhile, it is emptied
            request = path.build_request(pair, nominate=False)
            key = (path.remote_password or "").encode()
            try:
                await pair.protocol.request(
                    request, pair.remote_addr, integrity_key=key, retransmissions=0
                )
            except stun.TransactionTimeout:
                continue
            except stun.TransactionFailed:
                return True
            return True
    return False
