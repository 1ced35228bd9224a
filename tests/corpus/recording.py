"""A leg that keeps what its peer receives: the box's own `Peer`, with a notebook."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from aiortc.rtp import RtpPacket

from appliance.leg.codecs.base import Codec
from appliance.leg.peer import Direction, Peer
from appliance.leg.quality.arrivals import Arrivals
from appliance.leg.receive.jitter import JitterBuffer
from appliance.leg.uplink.track import UplinkTrack
from appliance.platforms.protocol import LegNeeds
from appliance.webrtc import also_receive
from tests.corpus.rtpdump import Captured
from tests.support.leg_media import new_track
from tests.support.own_leg import OwnPort

LIMIT_S = 15.0
TELEPHONE_EVENTS = (101, 110, 126)
"""Payload types of pressed keys (RFC 4733) that our senders use. aiortc's routing would drop
them before the peer, as of a codec that nobody agreed on; in a capture they are of interest.
"""


@dataclass
class Line:
    """What came on one audio line."""

    codecs: dict[int, Codec]
    """As agreed."""
    packets: list[Captured] = field(default_factory=list)

    def first_at(self, begun: float) -> list[Captured]:
        """The packets with their times after *begun* (monotonic, s)."""
        return [Captured(one.at - begun, one.data) for one in self.packets]


class RecordingPeer(Peer):
    """Keeps each packet that it takes, as it came out of the decryption."""

    def __init__(self, track: UplinkTrack | None, direction: Direction) -> None:
        super().__init__(track, direction, [], lambda: None)
        self.lines: dict[int, Line] = {}

    def _agree(self) -> None:
        super()._agree()
        for transceiver in self._connection.getTransceivers():
            if transceiver.kind == "audio":
                for number in TELEPHONE_EVENTS:
                    also_receive(transceiver.receiver, number)

    def _received(
        self,
        stream: JitterBuffer,
        arrivals: Arrivals,
        codecs: dict[int, Codec],
        packet: RtpPacket,
    ) -> None:
        line = self.lines.setdefault(self.streams.index(stream), Line(codecs))
        line.packets.append(Captured(time.monotonic(), packet.serialize()))
        super()._received(stream, arrivals, codecs, packet)


class RecordingLeg(OwnPort):
    """Always muted."""

    peer: RecordingPeer

    def __init__(self, needs: LegNeeds) -> None:
        sends = needs.direction != "recvonly"
        super().__init__(RecordingPeer(new_track() if sends else None, needs.direction))
        self._voice = Peer(new_track(), "sendonly", [], lambda: None)
        """Where the platform has one apart."""

    @property
    def received(self) -> int:
        """Packets so far, of the line that brought fewest."""
        lines = [len(line.packets) for line in self.peer.lines.values()]
        return min(lines, default=0)

    async def speak(self) -> str:
        return await self._voice.offer()

    async def accept_speaking(self, answer: str) -> None:
        await self._voice.accept(answer)

    async def close(self) -> None:
        """Leave."""
        await super().close()
        await self._voice.close()
