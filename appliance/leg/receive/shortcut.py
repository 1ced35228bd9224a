"""From the socket straight to the leg: sound does not wait its turn in aiortc's queue.

aiortc hands each datagram through a queue to a task of the connection, which costs the loop a
second round for each. Here a packet of a source that is known is decrypted and taken when it
comes. All else (STUN, DTLS, RTCP, and a source's first packet) goes aiortc's way (RFC 7983).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pylibsrtp
from aiortc import RTCDtlsTransport
from aiortc.rtcdtlstransport import State
from aiortc.rtp import RTP_HEADER_LENGTH, RtpPacket, is_rtcp

from appliance.leg.receive import header
from appliance.webrtc import taker_of

log = logging.getLogger(__name__)

LONGEST = 65_536
"""Octets: no datagram is longer. asyncio has room made for four times as much before each, which
the C library takes from the kernel and gives back (mallopt(3), M_MMAP_THRESHOLD): 40 us a packet.
"""
PACKETS, OCTETS = "_RTCDtlsTransport__rx_packets", "_RTCDtlsTransport__rx_bytes"


def shorten(transport: RTCDtlsTransport) -> None:
    """Have what comes over *transport* for a tapped receiver taken at once. Call it once, when
    connected.

    Raises RuntimeError when aiortc or aioice is not the one this was written for.
    """
    path = vars(transport.transport).get("_connection")
    if PACKETS not in vars(transport) or OCTETS not in vars(transport) or path is None:
        raise RuntimeError("aiortc has changed: its transport counts no packets by that name")
    if "_protocols" not in vars(path) or "_queue" not in vars(path):
        raise RuntimeError("aioice has changed: its connection has no queue by that name")
    for protocol in path._protocols:
        otherwise = protocol.datagram_received
        vars(protocol)["datagram_received"] = partial(_received, transport, otherwise)
        vars(protocol.transport)["max_size"] = LONGEST


def _received(
    transport: RTCDtlsTransport, otherwise: Callable[[bytes, Any], None], data: bytes, addr: Any
) -> None:
    if not _take(transport, data):
        otherwise(data, addr)


def _take(transport: RTCDtlsTransport, data: bytes) -> bool:
    """Whether *data* was a packet of a known source, and is done with."""
    if len(data) < RTP_HEADER_LENGTH or data[0] >> 6 != header.VERSION or is_rtcp(data):
        return False
    # The header is not encrypted; what it says is believed only once it is authenticated.
    router = transport._rtp_router
    receiver = router.ssrc_table.get(int.from_bytes(data[8:12]))
    taker = taker_of(receiver)
    if taker is None or not _open(transport):
        return False
    packet = _decrypted(transport, data)
    if packet is not None and router.route_rtp(packet) is receiver:
        taker(packet)
    return True


def _open(transport: RTCDtlsTransport) -> bool:
    """Whether aiortc would take packets, and none waits in its queue that came before."""
    waiting: asyncio.Queue[Any] = transport.transport._connection._queue
    return transport._state is State.CONNECTED and waiting.empty()


def _decrypted(transport: RTCDtlsTransport, data: bytes) -> RtpPacket | None:
    kept = vars(transport)
    kept[PACKETS] += 1
    kept[OCTETS] += len(data)
    try:
        return header.parse(transport._rx_srtp.unprotect(data))
    except (pylibsrtp.Error, ValueError) as error:
        log.debug("a packet of sound is dropped: %s", error)
        return None
