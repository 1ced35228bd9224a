"""The leg's local track: what is sent, packet by packet."""

from __future__ import annotations

import threading
import time
from typing import NoReturn

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from appliance.control_link.words import Gate
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import DTX_PAYLOAD, FRAME, SAMPLE_RATE
from appliance.leg.codecs.table import OPUS
from appliance.leg.gate import MicrophoneGate
from appliance.leg.uplink.audio_level import SILENT
from appliance.leg.uplink.loss import ExpectedLoss
from appliance.leg.uplink.packet_clock import PacketClock
from appliance.leg.uplink.rtp_stream import RtpStream
from appliance.leg.uplink.uplink import Spoken, Uplink

PATIENCE_S = 0.010
"""How much later than its time a microphone frame may come before silence is sent for it."""
LOOK_S = 0.100
"""How seldom the loop looks whether a microphone that gives frames has ceased to: it is not woken
for those that come."""


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
        self._stream: RtpStream | None = None
        self._flows = False
        """Whether the packet before was the microphone's."""
        self._left_to_loop = False
        """Whether a frame waits for it."""
        self._lock = threading.Lock()
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
        """Nothing is sent by a sender that does not run `send_over`."""
        raise MediaStreamError

    async def send_over(self, stream: RtpStream) -> None:
        """Send over *stream* until the track, or the connection, ends. What the microphone gives
        is sent in the thread that brings it where *stream* allows, and silence on the loop. Whoever
        called stops the track then.
        """
        if self.readyState != "live":
            return
        with self._lock:
            self._stream = stream
        self._uplink.follow(self._speak)
        while self.readyState == "live" and self._goes_on(stream):
            await self._uplink.wait(self._keep_time())

    def _goes_on(self, stream: RtpStream) -> bool:
        with self._lock:
            return stream.refresh()

    def stop(self) -> None:
        """End the track: once this has returned, nothing more is sent."""
        self._uplink.leave(self._speak)
        with self._lock:
            self._stream = None
        super().stop()

    def lost(self, fraction: float) -> None:
        """The other side says that so much of what was sent last was lost, 0 to 1."""
        if self.readyState != "live":
            return  # of a connection that is over
        self._loss.report(fraction, time.monotonic())
        self._uplink.expect_loss(self._loss.percent)

    def _speak(self) -> None:
        """In the microphone's thread: it has given a frame."""
        stream = self._stream
        if stream is None or stream.anywhere:
            self._uplink.pass_on(self._codec, self._say)
        else:
            self._left_to_loop = True
            self._uplink.wake()

    def _say(self, spoken: Spoken) -> None:
        with self._lock:
            self._clock.spoke(time.monotonic())
            self._flows = True
            if len(spoken.payload) > DTX_PAYLOAD:
                self._send(spoken)
            else:  # time goes on by a frame that is not sent (RFC 7587 section 3.1.3)
                self._timestamp += FRAME

    def _keep_time(self) -> float:
        """Send what waits for the loop, or the silence that is due; how long there is nothing to
        do then, in seconds.
        """
        if self._left_to_loop:
            self._left_to_loop = False
            self._uplink.pass_on(self._codec, self._say)
        with self._lock:
            now = time.monotonic()
            due = self._clock.start(now)
            is_open = self._gate.state is Gate.OPEN
            left = due + (PATIENCE_S if is_open else 0.0) - now
            if left > 0:
                return LOOK_S if is_open and self._flows else left
            self._clock.kept_silent()
            self._flows = False
            self._send(Spoken(self._codec.silence, SILENT))
            return 0.0

    def _send(self, spoken: Spoken) -> None:
        if self._stream is None:
            return
        at = self._timestamp // (SAMPLE_RATE // self._codec.clock)
        self._timestamp += FRAME
        self.sent += 1
        self._stream.send(spoken.payload, at, spoken.level)
