"""The codecs that a call may use, in the order in which they are offered."""

from __future__ import annotations

from collections.abc import Callable

from appliance.leg.codecs import g711, g722, opus
from appliance.leg.codecs.base import Codec, Encoder
from appliance.leg.codecs.noise import FIRST, ComfortNoise
from appliance.leg.codecs.opus_stream import OpusStreamDecoder
from appliance.leg.codecs.waveform import Expander, WaveformDecoder, WaveformEncoder, octets_last
from appliance.webrtc import OPUS_SILENCE

CLOCK = 8_000
"""Of every codec but Opus: G.722's is by mistake, kept for good (RFC 3551 section 4.5.2)."""
OCTETS = 160
"""Of 20 ms, in G.711 as in G.722."""


def _telephone(name: str, silence: int, expander: Callable[[], Expander]) -> Codec:
    """One of an octet for each 1/8000 s; *silence* is the octet that stands for none."""
    return Codec(
        name=name,
        clock=CLOCK,
        silence=bytes([silence]) * OCTETS,
        samples=octets_last,
        pauses=lambda payload: False,
        decoder=lambda: WaveformDecoder(expander()),
    )


OPUS = Codec(
    name="OPUS",
    clock=48_000,
    silence=OPUS_SILENCE,
    samples=opus.packet_samples,
    pauses=lambda payload: len(payload) <= opus.DTX_PAYLOAD,
    decoder=OpusStreamDecoder,
    copies=True,
)
G722 = _telephone("G722", 0xFC, g722.Expander)
"""Its silence is in both bands the step that is nearest to none. It decodes to zeros, and what it
leaves of former speech is an offset and 8 kHz below -56 dBFS, which nobody hears."""
PCMU = _telephone("PCMU", 0xFF, lambda: g711.Expander(g711.MU_VALUES))
PCMA = _telephone("PCMA", 0xD5, lambda: g711.Expander(g711.A_VALUES))
COMFORT_NOISE = Codec(
    name="CN",
    clock=CLOCK,
    silence=b"",
    samples=lambda payload: FIRST if payload else 0,
    pauses=lambda payload: True,
    decoder=ComfortNoise,
)
"""Beside a telephone's codec, and never sent by us."""
COMFORT_NOISE_TYPE = 13
"""Its payload type, fixed by RFC 3551: some send it without having offered it."""

SPOKEN = (OPUS, G722, PCMU, PCMA)
"""What we offer and speak; the first that both sides know is used."""
BY_NAME = {codec.name: codec for codec in SPOKEN}


def telephone_encoders() -> dict[Codec, Encoder]:
    """An encoder of each codec but Opus, whose settings are its own."""
    return {
        G722: WaveformEncoder(g722.Compressor()),
        PCMU: WaveformEncoder(g711.Compressor(g711.MU_VALUES)),
        PCMA: WaveformEncoder(g711.Compressor(g711.A_VALUES)),
    }
