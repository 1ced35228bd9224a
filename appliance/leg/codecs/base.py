"""What the leg asks of a codec. All sound is 48 kHz, mono, whatever the codec's own rate is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from appliance.leg.codecs.opus import Samples

CONCEALABLE = 120
"""Samples (2.5 ms): libopus conceals multiples of it only. A sender that goes on with other
timestamps, such as after a transfer, leaves holes of any length."""


class Decoder(Protocol):
    """One stream's packets to sound, one after the other, and what is to be heard without them."""

    def decode(self, payload: bytes) -> Samples:
        """The sound of a packet. Raises `OpusError` for a malformed one."""

    def recover(self, following: bytes, samples: int) -> Samples:
        """The *samples* lost just before the packet *following*, which will be decoded next.
        Raises `OpusError` for a malformed one.
        """

    def conceal(self, samples: int) -> Samples:
        """*samples* (a multiple of `CONCEALABLE`) that go on from what was heard."""

    def go_on_as(self, other: Self) -> None:
        """Take over the past of *other*."""

    def reset(self) -> None:
        """Forget all past sound."""


class Encoder(Protocol):
    """The microphone's sound to packets of 20 ms."""

    def encode(self, frame: Samples) -> bytes:
        """The payload of *frame*, shape ``(960,)``."""

    def reset(self) -> None:
        """Forget all past sound."""


@dataclass(frozen=True, eq=False)
class Codec:
    """An RTP payload format (RFC 3551, RFC 7587)."""

    name: str
    """As in session descriptions, in upper case."""
    clock: int
    """Ticks of its RTP timestamps in a second."""
    silence: bytes
    """The constant silence frame of 20 ms: all that is sent while muted."""
    samples: Callable[[bytes], int]
    """How much a payload lasts, in samples at 48 kHz; 0 for one that cannot be played."""
    pauses: Callable[[bytes], bool]
    """Whether a payload says that the sender sends nothing more for now."""
    decoder: Callable[[], Decoder]
    copies: bool = False
    """Whether a packet may hold a copy of the one before it."""
