"""What the senders of the sound bench say: pieces of speech of 8 s, 48 kHz."""

from __future__ import annotations

import io
import subprocess
import wave
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from appliance.leg.codecs.opus import SAMPLE_RATE, Samples

PIECE_S = 8
PIECE = PIECE_S * SAMPLE_RATE
LEAD = SAMPLE_RATE // 4
"""Silence before each piece: PESQ wants to see where speech begins."""
PEAK = 12_000
TEXT = (
    "Thank you for calling. My name is Alice, how may I help you today? "
    "I see that the parcel left our house on Tuesday, so it should have been with you by now. "
    "Let me ask the driver, and please stay on the line while I do that for you."
)
VOICES = ("en-us+m3", "en-gb+f2")


def pieces(natural: Path | None) -> list[Samples]:
    """Two made voices, and of *natural* (a WAV file, 16 bit, mono) two pieces more."""
    parts = [piece(*spoken(voice, TEXT)) for voice in VOICES]
    if natural is not None:
        wave_, rate = _read(natural.open("rb"))
        length = (PIECE - LEAD) * rate // SAMPLE_RATE
        parts += [piece(wave_[at : at + length], rate) for at in (0, length)]
    return parts


def spoken(voice: str, text: str) -> tuple[Samples, int]:
    """*text* by espeak-ng's *voice*, and its sample rate."""
    command = ["espeak-ng", "-v", voice, "-s", "155", "--stdout", text]
    made = subprocess.run(command, check=True, capture_output=True).stdout
    return _read(io.BytesIO(made))


def _read(file: IO[bytes]) -> tuple[Samples, int]:
    with file, wave.open(file) as sound:
        rate = sound.getframerate()
        # espeak-ng writes to a pipe, so that its header lies about the length.
        data = sound.readframes(1 << 24)
    return np.frombuffer(data[: len(data) // 2 * 2], np.int16), rate


def piece(sound: Samples, rate: int) -> Samples:
    """*sound* as a piece: 48 kHz, the usual peak, silence before and after it."""
    wide: NDArray[np.float64] = resample_poly(sound.astype(np.float64), SAMPLE_RATE, rate)
    wide *= PEAK / np.abs(wide).max()
    whole = np.zeros(PIECE, np.int16)
    count = min(len(wide), PIECE - LEAD)
    whole[LEAD : LEAD + count] = wide[:count].astype(np.int16)
    return whole
