"""The uplink: what goes out, packet by packet, from the headset's microphone to the call.

While the gate is not open every packet is the codec's constant silence frame, sent on a
monotonic 20 ms clock. While it is open the microphone's own clock paces the packets: a frame is
encoded and sent in the capture thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from appliance.audio.levels import SILENCE_DBFS, dbfs
from appliance.control_link.words import Gate
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.base import Encoder as AnyEncoder
from appliance.leg.codecs.opus import SAMPLE_RATE, Encoder, Samples
from appliance.leg.codecs.table import OPUS, telephone_encoders
from appliance.leg.gate import MicrophoneGate
from appliance.leg.settings import LegSettings
from appliance.leg.uplink.audio_level import AudioLevel, VoiceMeter
from appliance.leg.uplink.preroll import PreRoll

MAX_FRAMES = 3
"""Frames that may wait for the loop, where it is the loop that sends; the oldest is dropped."""


class Spoken(NamedTuple):
    """A frame of the microphone, encoded, and how loud it is."""

    payload: bytes
    level: AudioLevel


class Uplink:
    """Encodes what the microphone gives, and hands it out while the gate is open.

    `push` is called in the capture thread, `wait` on the loop, all else in any. What is said
    between the press and consent is kept, not encoded, and wiped if there is none.
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
        self._changed = asyncio.Event()
        self._flushed = 0
        """How often; what was begun before is not what comes after."""
        self._on_frame: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._frames: deque[tuple[int, Codec, Spoken]] = deque(maxlen=MAX_FRAMES)
        self._pre_roll = PreRoll(settings.pre_roll_ms * SAMPLE_RATE // 1000)
        self._meter = VoiceMeter()
        self._level = SILENCE_DBFS

    def use(self, codec: Codec) -> None:
        """Encode with *codec* from the next frame on."""
        self._codec = codec

    def push(self, block: Samples, at: float) -> None:
        """Take a captured block, shape ``(n,)``, whose first sample is of the moment *at*
        (monotonic, s); encode each 20 ms that is due.
        """
        flushed, epoch = self._flushed, self._gate.epoch
        if self._gate.state is Gate.CLOSED:
            return
        self._pre_roll.add(epoch, block, consented=at >= self._gate.consented_at)
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
            self._send(epoch, codec, frame, flushed)

    def _encoder_of(self, codec: Codec) -> AnyEncoder:
        return self._encoder if codec is OPUS else self._others[codec]

    def _send(self, epoch: int, codec: Codec, frame: Samples, flushed: int) -> None:
        if self._wanted_percent != self._expected_percent:
            self._expected_percent = self._wanted_percent
            self._encoder.expect_loss(self._expected_percent)
        self._level = dbfs(frame)
        payload = self._encoder_of(codec).encode(frame)
        spoken = Spoken(payload, self._meter.measure(self._level))
        with self._lock:
            if flushed != self._flushed:
                return
            self._frames.append((epoch, codec, spoken))
        on_frame = self._on_frame
        if on_frame is not None:
            on_frame()

    def expect_loss(self, percent: int) -> None:
        """Prepare the next frames for so much loss."""
        self._wanted_percent = percent

    def flush(self) -> None:
        """Wipe all that was not sent, and wake who waits. Once this has returned, nothing of
        before is passed on, but for what is in the card still where the gate stays open.
        """
        self._pre_roll.wipe()  # first: what is taken from it until the count goes up is dropped
        with self._lock:
            self._flushed += 1
            self._frames.clear()
        self._level = SILENCE_DBFS
        self.wake()

    def wake(self) -> None:
        """End who waits."""
        self._loop.call_soon_threadsafe(self._changed.set)

    def follow(self, on_frame: Callable[[], None]) -> None:
        """Have *on_frame* called, in the capture thread, for each frame that comes; the last one
        who follows is told."""
        self._on_frame = on_frame

    def leave(self, on_frame: Callable[[], None]) -> None:
        """Call *on_frame* no more, and wake who waits."""
        if self._on_frame == on_frame:
            self._on_frame = None
        self.wake()

    def pass_on(self, codec: Codec, send: Callable[[Spoken], None]) -> None:
        """*send* the frames of *codec* and of the open gate's epoch, oldest first. What came since
        the gate was shut, or for another connection's codec, is dropped.
        """
        with self._lock:
            while self._frames:
                epoch, encoded_by, spoken = self._frames.popleft()
                current = self._gate.state is Gate.OPEN and epoch == self._gate.epoch
                if current and encoded_by is codec:
                    send(spoken)

    async def wait(self, seconds: float) -> None:
        """Wait until `wake`, at most so long: when the gate is shut, or whoever followed leaves."""
        self._changed.clear()
        if seconds <= 0:
            return
        enough = self._loop.call_later(seconds, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            enough.cancel()

    @property
    def level(self) -> float:
        """dBFS of the last frame that was spoken into an open gate; −100 when shut."""
        return self._level if self._gate.state is Gate.OPEN else SILENCE_DBFS
