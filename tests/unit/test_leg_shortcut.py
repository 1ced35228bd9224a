"""Sound goes straight from the socket to the leg's peer, and nothing else does; real aiortc."""

from __future__ import annotations

import asyncio
import inspect
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiortc import RTCDtlsTransport, RTCIceTransport
from aiortc.rtp import RtpPacket, is_rtcp

from appliance.leg.codecs.table import OPUS
from appliance.leg.peer import Peer
from appliance.leg.receive.shortcut import shorten
from tests.support.telephone_peer import OneCodecPeer

pytestmark = pytest.mark.usefixtures("only_loopback", "aiortc_may_wait")

RTP_VERSION = 2
LIMIT_S = 15.0


class Line:
    """A leg's peer that hears a platform's tone, and what goes into aiortc's queue meanwhile."""

    def __init__(self) -> None:
        self.peer = Peer(None, "recvonly", [], lambda: None)
        self.platform = OneCodecPeer(OPUS)
        self.queued: list[bytes] = []

    async def connect(self) -> None:
        await self.platform.accept(await self.peer.answer(await self.platform.offer()))
        await self.peer.until_up(LIMIT_S)
        await self.hear(3)
        put = self.path.data_received

        def data_received(data: bytes, component: int) -> None:
            self.queued.append(data)
            put(data, component)

        vars(self.path)["data_received"] = data_received

    @property
    def transport(self) -> RTCDtlsTransport:
        return self.peer._connection.getReceivers()[0].transport

    @property
    def path(self) -> Any:
        return self.transport.transport._connection

    @property
    def received(self) -> int:
        return self.peer.streams[0].stats.received

    def arrive(self, data: bytes) -> None:
        """As if *data* had come from the network."""
        next(iter(self.path._nominated.values())).protocol.datagram_received(data, ("", 1))

    def forged(self) -> bytes:
        """A packet of the platform's source, but not by the platform."""
        source = self.peer._connection.getReceivers()[0]
        (ssrc,) = (s for s, r in self.transport._rtp_router.ssrc_table.items() if r is source)
        return bytes([0x80, 96, 0, 1, 0, 0, 0, 1]) + ssrc.to_bytes(4) + bytes(40)

    async def hear(self, packets: int) -> None:
        """Wait until so many more have come."""
        wanted = self.received + packets
        await eventually(lambda: self.received >= wanted)

    async def close(self) -> None:
        await self.peer.close()
        await self.platform.close()


async def eventually(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not done():
            await asyncio.sleep(0.01)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    try:
        await line.connect()
        yield line
    finally:
        await line.close()


async def test_sound_waits_in_no_queue_and_reports_go_aiortc_s_way(line: Line) -> None:
    await line.hear(20)
    await eventually(lambda: any(map(is_rtcp, line.queued)))
    assert not [data for data in line.queued if data[0] >> 6 == RTP_VERSION and not is_rtcp(data)]


async def test_what_is_taken_is_counted_as_aiortc_counts(line: Line) -> None:
    (before,) = line.transport._get_stats().values()
    await line.hear(20)
    (after,) = line.transport._get_stats().values()
    assert after.packetsReceived - before.packetsReceived >= 20
    assert after.bytesReceived - before.bytesReceived >= 20 * 12


async def test_a_forged_packet_is_not_heard_and_ends_nothing(line: Line) -> None:
    before = line.received
    line.arrive(line.forged())
    line.arrive(line.forged() + bytes(1_500))
    line.arrive(line.forged()[:11])
    assert line.received == before
    await line.hear(10)


async def test_a_malformed_header_of_the_platform_s_own_ends_nothing(line: Line) -> None:
    """aiortc's parser lets struct.error through, and aiortc's own task would end by it."""
    sender = line.platform.connection.getSenders()[0]
    extensions = b"".join(bytes([name << 4 | 4]) + bytes(5) for name in range(1, 15))
    number = (line.peer.arrivals[0]._highest + 50) & 0xFFFF
    header = bytes([0x90, 96]) + number.to_bytes(2) + bytes(4) + sender._ssrc.to_bytes(4)
    malformed = header + b"\xbe\xde" + (len(extensions) // 4).to_bytes(2) + extensions + bytes(40)
    with pytest.raises(struct.error):
        RtpPacket.parse(malformed, line.transport._rtp_header_extensions_map)
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    await sender.transport._send_rtp(malformed)
    await line.hear(10)
    assert not faults


async def test_nothing_overtakes_what_waits_in_the_queue(line: Line) -> None:
    line.path._queue.put_nowait((b"\x80", 1))
    forged = line.forged()
    line.arrive(forged)
    assert line.queued[-1] == forged
    await line.hear(5)


async def test_an_unknown_source_goes_aiortc_s_way(line: Line) -> None:
    unknown = line.forged()[:8] + bytes(44)
    line.arrive(unknown)
    assert line.queued[-1] == unknown
    await line.hear(5)


async def test_after_the_end_nothing_is_taken(line: Line) -> None:
    forged = line.forged()
    protocol = next(iter(line.path._nominated.values())).protocol
    await line.peer.close()
    protocol.datagram_received(forged, ("", 1))
    assert line.queued[-1] == forged


async def test_asyncio_makes_no_more_room_than_a_datagram_needs(line: Line) -> None:
    for protocol in line.path._protocols:
        assert protocol.transport.max_size == 65_536
        assert "recvfrom(self.max_size)" in inspect.getsource(type(protocol.transport)._read_ready)


async def test_another_aiortc_is_refused_loudly() -> None:
    changed = object.__new__(RTCDtlsTransport)
    vars(changed)["_transport"] = object.__new__(RTCIceTransport)
    with pytest.raises(RuntimeError, match="aiortc has changed"):
        shorten(changed)
