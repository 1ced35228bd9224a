"""The leg's local track: what aiortc sends, packet by packet."""

from __future__ import annotations

import time
from typing import NoReturn

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from appliance.control_link.words import Gate
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import DTX_PAYLOAD, FRAME, SAMPLE_RATE
from appliance.leg.codecs.table import OPUS
from appliance.leg.gate import MicrophoneGate
from appliance.leg.uplink.audio_level import SILENT, AudioLevel
from appliance.leg.uplink.loss import ExpectedLoss
from appliance.leg.uplink.packet_clock import PacketClock
from appliance.leg.uplink.uplink import Spoken, Uplink

PATIENCE_S = 0.010
"""How much later than its time a microphone frame may come before silence is sent for it."""


class UplinkTrack(MediaStreamTrack):
    """The leg's local track: encoded packets, one persistent clock, 20 ms each."""

    kind = "audio"

    def __init__(self, gate: MicrophoneGate, uplink: Uplink) -> None:
        super().__init__()
        self._gate = gate
        self._uplink = uplink
        self._codec = OPUS
        self._timestamp = 0
        self._clock = PacketClock()
        self._level = SILENT
        self._loss = ExpectedLoss(uplink.floor_percent)
        uplink.expect_loss(self._loss.percent)
        self.sent = 0

    @property
    def codec(self) -> Codec:
        """What both sides agreed on; Opus before that."""
        return self._codec

    @codec.setter
    def codec(self, codec: Codec) -> None:
        self._codec = codec
        self._uplink.use(codec)

    async def recv(self) -> NoReturn:
        """Nothing is sent by a sender that does not ask for `next`."""
        raise MediaStreamError

    async def next(self) -> tuple[bytes, int]:
        """The next packet, the microphone's if the gate is open, else the silence frame, and its
        time in ticks of the codec's clock. Raises MediaStreamError when the track has ended.
        """
        payload, self._level = await self._next()
        if self.readyState != "live":
            raise MediaStreamError
        at = self._timestamp // (SAMPLE_RATE // self._codec.clock)
        self._timestamp += FRAME
        self.sent += 1
        return payload, at

    def level(self) -> AudioLevel:
        """How loud the packet is that was handed out last."""
        return self._level

    def lost(self, fraction: float) -> None:
        """The other side says that so much of what was sent last was lost, 0 to 1."""
        if self.readyState != "live":
            return  # of a connection that is over
        self._loss.report(fraction, time.monotonic())
        self._uplink.expect_loss(self._loss.percent)

    async def _next(self) -> Spoken:
        due = self._clock.start(time.monotonic())
        while self.readyState == "live":
            spoken = self._uplink.take(self._codec)
            if spoken is not None:
                self._clock.spoke(time.monotonic())
                if len(spoken.payload) > DTX_PAYLOAD:
                    return spoken
                due = self._skip()
                continue
            patience = PATIENCE_S if self._gate.state is Gate.OPEN else 0.0
            left = due + patience - time.monotonic()
            if left <= 0:
                break
            await self._uplink.wait(left)
        self._clock.kept_silent()
        return Spoken(self._codec.silence, SILENT)

    def _skip(self) -> float:
        """Time goes on by a frame that is not sent (RFC 7587 section 3.1.3)."""
        self._timestamp += FRAME
        return self._clock.start(time.monotonic())
