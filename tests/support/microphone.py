"""Gate and uplink with real Opus, and what was fed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE, Decoder, Encoder, Samples
from appliance.leg.codecs.table import OPUS
from appliance.leg.gate import MicrophoneGate
from appliance.leg.settings import LegSettings
from appliance.leg.uplink.uplink import Spoken, Uplink

SETTINGS = LegSettings()
NOISE = np.random.default_rng(5)


def noise(samples: int = FRAME) -> Samples:
    return NOISE.integers(-9_000, 9_000, samples).astype(np.int16)


def tone(hz: float, samples: int, start: int = 0, level: float = 8_000) -> Samples:
    """A sine from sample *start* of its own time on."""
    moments = np.arange(start, start + samples) / SAMPLE_RATE
    return np.round(level * np.sin(2 * np.pi * hz * moments)).astype(np.int16)


def voice(samples: int, start: int = 0) -> Samples:
    """Something with a pitch, as a vowel has."""
    parts = [tone(150.0 * n, samples, start, 8_000 / n).astype(np.int32) for n in range(1, 8)]
    mixed: Samples = (np.sum(parts, axis=0) // 3).astype(np.int16)
    return mixed


def decoded(payloads: Iterable[bytes]) -> Samples:
    """What a listener hears of *payloads*, with no packet before them."""
    decoder = Decoder()
    return np.concatenate([decoder.decode(payload) for payload in payloads])


def sharpest(heard: Samples) -> float:
    """The largest bend (second difference): a click is one, a tone's own is small."""
    return float(np.abs(np.diff(heard.astype(np.int32), n=2)).max())


def new_encoder() -> Encoder:
    return Encoder(SETTINGS.bitrate, SETTINGS.complexity, SETTINGS.expected_loss_percent)


class Ledger(Encoder):
    """An encoder that writes down in which state and epoch of the gate it was fed."""

    def __init__(self, gate: MicrophoneGate) -> None:
        super().__init__(SETTINGS.bitrate, SETTINGS.complexity, SETTINGS.expected_loss_percent)
        self._gate = gate
        self.fed: list[tuple[Gate, int]] = []
        self.frames: list[Samples] = []
        self.epochs: dict[bytes, int] = {}

    def encode(self, frame: Samples) -> bytes:
        epoch, state = self._gate.epoch, self._gate.state
        self.fed.append((state, epoch))
        self.frames.append(frame)
        payload = super().encode(frame)
        self.epochs[payload] = epoch
        return payload


class Microphone:
    """Gate and uplink as the leg joins them; closing flushes."""

    def __init__(self, wake: Callable[[], None] = lambda: None, **settings: float) -> None:
        self.capturing = False
        self.gate = MicrophoneGate(lambda gate: None, self._capture, wake)
        self.uplink = Uplink(self.gate, LegSettings(**settings))
        self.gate.arm("s")

    def _capture(self, on: bool) -> None:
        self.capturing = on
        if not on:
            self.uplink.flush()

    def open(self) -> None:
        """Consent, and a first block that opens."""
        self.gate.consent(self.gate.prepare("button"), Audience.EVERYONE)
        self.uplink.push(noise(), 0.0)
        assert self.gate.state is Gate.OPEN

    def hang_up(self) -> None:
        """The call ends, and another begins."""
        self.gate.disarm("end")
        self.gate.arm("s")

    def taken(self, codec: Codec = OPUS) -> list[bytes]:
        """What may be sent now."""
        spoken: list[Spoken] = []
        self.uplink.pass_on(codec, spoken.append)
        return [one.payload for one in spoken]
