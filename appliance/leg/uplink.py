"""The uplink: what goes out, packet by packet, from the headset's microphone to the call.

While the gate is not open every packet is the codec's constant silence frame, sent on a
monotonic 20 ms clock. While it is open the microphone's own clock paces the packets: a frame is
encoded in the capture thread and sent as soon as it is there.
"""

from __future__ import annotations

import asyncio
import fractions
import threading
import time
from collections import deque
from typing import Any, NamedTuple

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from appliance.audio.levels import SILENCE_DBFS, dbfs
from appliance.control_link.words import Gate
from appliance.leg.audio_level import SILENT, AudioLevel, VoiceMeter
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.base import Encoder as AnyEncoder
from appliance.leg.codecs.table import OPUS, telephone_encoders
from appliance.leg.gate import MicrophoneGate
from appliance.leg.loss import ExpectedLoss
from appliance.leg.opus import DTX_PAYLOAD, FRAME, SAMPLE_RATE, Encoder, Samples
from appliance.leg.packet_clock import PacketClock
from appliance.leg.preroll import PreRoll
from appliance.leg.settings import LegSettings

MAX_FRAMES = 3
"""Frames that may wait for the sender; the oldest is dropped."""
PATIENCE_S = 0.010
"""How much later than its time a microphone frame may come before silence is sent for it."""


class Spoken(NamedTuple):
    """A frame of the microphone, encoded, and how loud it is."""

    payload: bytes
    level: AudioLevel


class Uplink:
    """Encodes what the microphone gives, and hands it out while the gate is open.

    `push` is called in the capture thread, `take` and `wait` on the loop. What is said between the
    press and consent is kept, not encoded, and wiped if there is none.
    """

    def __init__(self, gate: MicrophoneGate, settings: LegSettings) -> None:
        self._gate = gate
        self.floor_percent = settings.expected_loss_percent
        self._encoder = Encoder(
            settings.bitrate,
            settings.complexity,
            settings.expected_loss_percent,
            dtx=settings.dtx,
        )
        self._expected_percent = self._wanted_percent = settings.expected_loss_percent
        self._others = telephone_encoders()
        self._codec = self._encoded_by = OPUS
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._lock = threading.Lock()
        self._frames: deque[tuple[int, Codec, Spoken]] = deque(maxlen=MAX_FRAMES)
        self._pre_roll = PreRoll(settings.pre_roll_ms * SAMPLE_RATE // 1000)
        self._meter = VoiceMeter()
        self._level = SILENCE_DBFS

    def use(self, codec: Codec) -> None:
        """Encode with *codec* from the next frame on."""
        self._codec = codec

    def push(self, block: Samples, _at: float) -> None:
        """Take a captured block, shape ``(n,)``; encode each 20 ms that is due."""
        epoch = self._gate.epoch
        if self._gate.state is Gate.CLOSED:
            return
        self._pre_roll.add(epoch, block)
        if not self._pre_roll.whole or not self._gate.frame_ready(epoch):
            return
        codec = self._codec
        begins = self._pre_roll.begin(epoch)
        if begins or codec is not self._encoded_by:
            self._encoder_of(codec).reset()
            self._encoded_by = codec
        if begins:
            self._meter = VoiceMeter()
        while (frame := self._pre_roll.next(epoch)) is not None:
            self._send(epoch, codec, frame)

    def _encoder_of(self, codec: Codec) -> AnyEncoder:
        return self._encoder if codec is OPUS else self._others[codec]

    def _send(self, epoch: int, codec: Codec, frame: Samples) -> None:
        if self._wanted_percent != self._expected_percent:
            self._expected_percent = self._wanted_percent
            self._encoder.expect_loss(self._expected_percent)
        self._level = dbfs(frame)
        payload = self._encoder_of(codec).encode(frame)
        spoken = Spoken(payload, self._meter.measure(self._level))
        with self._lock:
            self._frames.append((epoch, codec, spoken))
        self._loop.call_soon_threadsafe(self._arrived.set)

    def expect_loss(self, percent: int) -> None:
        """Prepare the next frames for so much loss."""
        self._wanted_percent = percent

    def flush(self) -> None:
        """Wipe all that was not sent, and wake a sender that waits for it."""
        self._pre_roll.wipe()
        with self._lock:
            self._frames.clear()
        self._level = SILENCE_DBFS
        self._loop.call_soon_threadsafe(self._arrived.set)

    def take(self, codec: Codec = OPUS) -> Spoken | None:
        """The next frame of *codec* and of the open gate's epoch; None when there is none or it is
        shut. What was encoded for another connection's codec is dropped.
        """
        with self._lock:
            while self._frames:
                epoch, encoded_by, spoken = self._frames.popleft()
                current = self._gate.state is Gate.OPEN and epoch == self._gate.epoch
                if current and encoded_by is codec:
                    return spoken
        return None

    async def wait(self, seconds: float) -> None:
        """Wait until something changed, at most so long."""
        self._arrived.clear()
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return

    @property
    def level(self) -> float:
        """dBFS of the last frame that was spoken into an open gate; −100 when shut."""
        return self._level if self._gate.state is Gate.OPEN else SILENCE_DBFS


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

    async def recv(self) -> av.Packet[Any]:
        """The next packet: the microphone's if the gate is open, else the silence frame."""
        payload, self._level = await self._next()
        if self.readyState != "live":
            raise MediaStreamError
        packet = av.Packet(payload)
        packet.pts = self._timestamp
        packet.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._timestamp += FRAME
        self.sent += 1
        return packet

    def level(self) -> AudioLevel:
        """How loud the packet is that was handed out last."""
        return self._level

    def lost(self, fraction: float) -> None:
        """The other side says that so much of what was sent last was lost, 0 to 1."""
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
