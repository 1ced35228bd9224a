"""One peer connection of the leg (aiortc): offer or answer, packets both ways, and its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtp import RtpPacket

from appliance.control_link.base import IceServer
from appliance.leg.codecs.agreed import codecs_of, prefer, settle
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import SAMPLE_RATE
from appliance.leg.quality.arrivals import Arrivals
from appliance.leg.receive.jitter import JitterBuffer
from appliance.leg.receive.shortcut import shorten
from appliance.leg.sdp import offer_error_correction
from appliance.leg.uplink.rtp_stream import take_over
from appliance.leg.uplink.track import UplinkTrack
from appliance.service.errors import BargeboxError
from appliance.webrtc import never_send_again, on_loss, path_answers, tap_receiver

log = logging.getLogger(__name__)

Direction = Literal["sendrecv", "recvonly", "sendonly"]
CLOSE_TIMEOUT_S = 3.0
DESCRIBED_S = 1.0
"""How long closing waits for a description under way; aioice loses its sockets in between."""
MAX_ROUND_TRIP_S = 10.0
SENDING = ("sendrecv", "sendonly")


class PeerError(BargeboxError):
    """The other side's session description cannot be used (``refused_offer``)."""

    code = "refused_offer"


class Peer:
    """A WebRTC connection: one audio line in our offers, one or more in theirs. All methods run on
    the loop. Without a *track* it never sends.
    """

    def __init__(
        self,
        track: UplinkTrack | None,
        direction: Direction,
        ice_servers: list[IceServer],
        on_lost: Callable[[], None],
    ) -> None:
        self.streams: list[JitterBuffer] = []
        """One for each line that we listen to, once it is described."""
        self.arrivals: list[Arrivals] = []
        """What came on each of these lines."""
        self.track = track
        self.last_packet: float | None = None
        self._on_lost = on_lost
        # An empty list, never None: aiortc would ask a public STUN server then.
        servers = [RTCIceServer(s.urls, s.username, s.credential) for s in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._connection.on("connectionstatechange", self._state_changed)
        self._codecs: dict[RTCRtpTransceiver, dict[int, Codec]] = {}
        """What each payload type of a line stands for; empty until both sides agreed."""
        self._direction = direction
        self._describing = asyncio.Lock()
        self._up = asyncio.Event()
        self._ended = False

    @property
    def mids(self) -> list[str]:
        """The name of each stream's line, "" before it has one."""
        lines = (t for t in self._connection.getTransceivers() if t.kind == "audio")
        return [line.mid or "" for line in lines][: len(self.streams)]

    @property
    def may_send(self) -> bool:
        """Whether both sides agreed that we send, and the connection has not ended since."""
        return not self._ended and any(
            t.currentDirection in SENDING for t in self._connection.getTransceivers()
        )

    def _add_line(self) -> None:
        transceiver = self._connection.addTransceiver(
            self.track or "audio", direction=self._direction
        )
        prefer(transceiver)

    def _take_packets(self) -> None:
        for transceiver in self._connection.getTransceivers():
            if transceiver.kind != "audio":
                transceiver.direction = "inactive"
                continue
            never_send_again(transceiver.sender)
            if self.track is not None:
                take_over(transceiver.sender, self.track.send_over)
                on_loss(transceiver.sender, self.track.lost)
            # The stock jitter buffer ratchets its delay up, and an empty payload kills its decoder.
            stream = JitterBuffer()
            self.streams.append(stream)
            self.arrivals.append(arrivals := Arrivals())
            codecs = self._codecs.setdefault(transceiver, {})
            on_packet = partial(self._received, stream, arrivals, codecs)
            tap_receiver(transceiver.receiver, on_packet)

    def _agree(self) -> None:
        """Speak what both sides know; called before a packet can pass."""
        for transceiver in self._connection.getTransceivers():
            if transceiver.kind != "audio":
                continue
            codec, track = settle(transceiver), self.track
            self._codecs.setdefault(transceiver, {}).update(codecs_of(transceiver))
            if codec is not None and track is not None and transceiver.sender.track is track:
                track.codec = codec

    async def offer(self) -> str:
        """Our offer, with all candidates gathered.

        Raises `PeerError` when an ICE server is malformed, or the peer is closed meanwhile.
        """
        async with self._describing:
            with _told_as("our offer"):
                self._add_line()
                self._take_packets()
                await self._connection.setLocalDescription(await self._connection.createOffer())
        return offer_error_correction(self._connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """The platform's answer; connecting goes on in the background.

        Raises `PeerError` when it is not an answer to our offer.
        """
        await self._set_remote(answer, "answer")
        self._agree()

    async def answer(self, offer: str) -> str:
        """Our answer to the platform's offer. Raises `PeerError` when it has no usable audio."""
        async with self._describing:
            await self._answer(offer)
        return offer_error_correction(self._connection.localDescription.sdp)

    async def _answer(self, offer: str) -> None:
        with _told_as("our answer"):
            # Made before their offer is read, so that their first audio line takes it, with Opus.
            self._add_line()
        await self._set_remote(offer, "offer")
        if self._connection.getTransceivers()[0].mid is None:
            raise PeerError("the platform's offer has no audio line")
        self._take_packets()
        self._agree()
        with _told_as("our answer"):
            await self._connection.setLocalDescription(await self._connection.createAnswer())

    async def _set_remote(self, sdp: str, kind: str) -> None:
        if "a=fingerprint:" not in sdp:
            # aiortc would take it, and fail where nobody hears of it.
            raise PeerError("the platform's session description offers no encryption")
        with _told_as("the platform's session description"):
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, kind))

    def _received(
        self,
        stream: JitterBuffer,
        arrivals: Arrivals,
        codecs: dict[int, Codec],
        packet: RtpPacket,
    ) -> None:
        self.last_packet = now = time.monotonic()
        codec = codecs.get(packet.payload_type)
        number = packet.sequence_number
        stream.put(packet.ssrc, packet.timestamp, packet.payload, now, codec, number)
        if codec is not None:
            arrivals.add(
                packet.ssrc,
                number,
                packet.timestamp * (SAMPLE_RATE // codec.clock) & 0xFFFFFFFF,
                codec.samples(packet.payload),
                now,
                pauses=codec.pauses(packet.payload),
                codec=codec.name,
            )

    async def round_trip_ms(self) -> float | None:
        """From the other side's RTCP reports on what we send; None where there is none."""
        for sender in self._connection.getSenders():
            for report in (await sender.getStats()).values():
                seconds = getattr(report, "roundTripTime", None)
                # aiortc takes the wall clock, which may be set meanwhile.
                if seconds is not None and 0 <= seconds < MAX_ROUND_TRIP_S:
                    return float(seconds) * 1000
        return None

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        log.info("peer connection is %s", state)
        if state == "connected" and not self._up.is_set():
            for transport in {
                line.receiver.transport for line in self._connection.getTransceivers()
            }:
                shorten(transport)
            self._up.set()
        if state in ("failed", "closed"):
            self._ended = True
            self._on_lost()

    async def until_up(self, limit_s: float) -> None:
        """Wait until packets can pass. Raises `PeerError` when it takes longer than *limit_s*."""
        try:
            async with asyncio.timeout(limit_s):
                await self._up.wait()
        except TimeoutError:
            raise PeerError(f"the connection was not up within {limit_s:g} s") from None

    async def answers(self) -> bool:
        """Whether the far end is there at all, packets or not; asked once, waits 0.5 s."""
        return not self._ended and await path_answers(self._connection)

    def let_go(self) -> None:
        """Stop sending, and tell nothing more of this connection."""
        if self.track is not None:
            self.track.stop()
        self._connection.remove_all_listeners()

    async def close(self) -> None:
        """Stop sending at once and close; never takes longer than 4 s."""
        self.let_go()
        try:
            async with asyncio.timeout(DESCRIBED_S), self._describing:
                log.debug("nothing is being described any more")
        except TimeoutError:
            log.info("the peer connection is closed while it looks for its addresses")
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
        except TimeoutError:
            log.warning("the peer connection did not close within %.0f s", CLOSE_TIMEOUT_S)


@contextmanager
def _told_as(what: str) -> Iterator[None]:
    """aiortc's refusals as a `PeerError` about *what*."""
    try:
        yield
    except (ValueError, KeyError, IndexError, AttributeError, AssertionError, TypeError) as error:
        # aiortc's parser lets each of these through on malformed text.
        raise PeerError(f"{what} is malformed: {error}") from error
    except (InvalidAccessError, InvalidStateError, OperationError) as error:
        raise PeerError(f"{what} does not fit: {error}") from error
