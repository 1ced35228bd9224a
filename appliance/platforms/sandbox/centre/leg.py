"""A supervisor's leg at the centre: one peer connection, Opus both ways, encoded here."""

from __future__ import annotations

import asyncio
import fractions
import time
from collections.abc import Callable
from typing import Any

import opuslib_next
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError
from av import Packet

from appliance.control_link.words import Audience
from appliance.platforms.sandbox.centre.refusal import RefusedError
from appliance.platforms.sandbox.centre.sound import FRAME, RATE, SILENCE, Pcm
from appliance.platforms.sandbox.centre.uplink import Uplink
from appliance.webrtc import received_packets, tap_receiver

TIME_BASE = fractions.Fraction(1, RATE)
WAITING_PACKETS = 3
SECONDS_TO_ANSWER = 4.0
BITS_PER_SECOND = 40_000


class SpeakerTrack(MediaStreamTrack):
    """Packets encoded by the leg, handed to aiortc as they are; the oldest is dropped when full."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: asyncio.Queue[Packet[Any]] = asyncio.Queue(WAITING_PACKETS)
        self.wanted = False
        """True once the connection stands and asks for packets."""

    async def recv(self) -> Packet[Any]:
        """The next packet; aiortc's sender calls this in a loop."""
        if self.readyState != "live":
            raise MediaStreamError
        self.wanted = True
        return await self._packets.get()

    def put(self, payload: bytes, timestamp: int) -> None:
        """Send 20 ms of Opus; *timestamp* in samples, always growing."""
        packet: Packet[Any] = Packet(payload)
        packet.pts = timestamp
        packet.time_base = TIME_BASE
        if self._packets.full():
            self._packets.get_nowait()
        self._packets.put_nowait(packet)


class SupervisorLeg:
    """One supervisor on one call. Nobody hears it until an audience is set."""

    def __init__(
        self, handle: str, supervisor: str, on_dead: Callable[[SupervisorLeg], None]
    ) -> None:
        self.handle = handle
        self.supervisor = supervisor
        self.audience: Audience | None = None
        self.uplink = Uplink()
        self.created_at = time.monotonic()
        self.heard_of_at = self.created_at
        self.sends_media = True
        self.receive_only = False
        self._on_dead = on_dead
        self._received = 0
        self._track = SpeakerTrack()
        self._encoder = _encoder()
        # No ICE server: aiortc would otherwise ask a public STUN server.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.add_listener("connectionstatechange", self._state_changed)

    async def answer(self, offer: str) -> str:
        """Take the leg's offer and return our answer. Raises `RefusedError` for a bad offer."""
        try:
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                return await self._negotiate(offer)
        except TimeoutError as error:
            raise RefusedError("bad_offer", "The offer could not be answered in time.") from error
        except _BAD_OFFER as error:
            raise RefusedError(
                "bad_offer", f"The offer cannot be answered: {error!r:.200}"
            ) from error

    async def _negotiate(self, offer: str) -> str:
        peer = self._peer
        transceiver = peer.addTransceiver(self._track, direction="sendrecv")
        opus = [
            codec
            for codec in RTCRtpSender.getCapabilities("audio").codecs
            if codec.mimeType.lower() == "audio/opus"
        ]
        transceiver.setCodecPreferences(opus)
        tap_receiver(transceiver.receiver, self.uplink.packet)
        await peer.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        if peer.getTransceivers() != [transceiver] or transceiver.mid is None or peer.sctp:
            raise ValueError("it must have one audio section and nothing else")
        await peer.setLocalDescription()
        if transceiver.currentDirection not in ("sendrecv", "sendonly"):
            raise ValueError("it does not receive audio")
        self.receive_only = transceiver.currentDirection == "sendonly"
        return peer.localDescription.sdp

    @property
    def connected(self) -> bool:
        """True while ICE and DTLS stand."""
        return self._peer.connectionState == "connected"

    @property
    def audible(self) -> bool:
        """True when someone hears this leg."""
        return self.audience is not None

    def voice(self) -> Pcm:
        """The supervisor's next 20 ms. Without an audience it is fetched and thrown away."""
        frame = self.uplink.take()
        return frame if self.audible else SILENCE

    def hear(self, frame: Pcm, timestamp: int) -> None:
        """Send 20 ms to the supervisor."""
        if self.sends_media and self._track.wanted:
            self._track.put(self._encoder.encode(frame.tobytes(), FRAME), timestamp)

    def silent_for(self) -> float:
        """Seconds since anything (RTP or RTCP) arrived, as far as it was looked."""
        received = sum(received_packets(r) for r in self._peer.getReceivers())
        if received != self._received:
            self._received = received
            self.heard_of_at = time.monotonic()
        return time.monotonic() - self.heard_of_at

    async def close(self) -> None:
        """Leave: the other side sees the connection close."""
        self._peer.remove_all_listeners()
        await self._peer.close()

    def _state_changed(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._on_dead(self)


_BAD_OFFER = (
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    TypeError,
    InternalError,
    InvalidStateError,
    OperationError,
)
"""What aiortc 1.16 was seen to raise from parsing hostile session descriptions."""


def _encoder() -> Any:
    encoder = opuslib_next.Encoder(RATE, 1, "voip")
    encoder.bitrate = BITS_PER_SECOND
    encoder.complexity = 5
    encoder.inband_fec = 1
    encoder.packet_loss_perc = 5
    return encoder
