"""The three voices of the side-by-side bench: one made by espeak-ng, two of people.

The people are those of Debian's prompts for Asterisk (G.722, 16 kHz), which are fetched by apt
into ``build/`` and kept there. All at 48 kHz, with the same peak.
"""

from __future__ import annotations

import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from tests.bench.sound.speech import LEAD, PIECE, TEXT, VOICES, piece, spoken

BUILD = Path(__file__).resolve().parents[3] / "build/voices"
SOUNDS = BUILD / "usr/share/asterisk/sounds"
RATE = 16_000
WARM_UP_S = 2.0
TAIL_S = 0.7
"""Silence that is sent after the last word, so that late ears hear it all."""
PIECES = 2
FETCH_S = 300.0


@dataclass(frozen=True)
class Prompts:
    """A person's longest prompt, of a Debian package."""

    package: str
    file: str


PEOPLE = {
    "allison": Prompts("asterisk-core-sounds-en-g722", "en_US_f_Allison/demo-instruct.g722"),
    "carlo": Prompts("asterisk-core-sounds-it-g722", "it_IT_m_Carlo/demo-instruct.g722"),
}
NAMES = ("espeak", *PEOPLE)


@dataclass(frozen=True)
class Speech:
    """What a voice says: other words first (2 s), then the pieces that are measured, 8 s each."""

    voice: str
    warm_up: Samples
    pieces: tuple[Samples, ...]

    def sound(self, pieces: int) -> Samples:
        """All that is sent where *pieces* are measured."""
        tail = np.zeros(int(TAIL_S * SAMPLE_RATE), np.int16)
        return np.concatenate([self.warm_up, *self.pieces[:pieces], tail])


def speech(voice: str) -> Speech:
    """One of `NAMES`. Raises RuntimeError when apt does not give a person's prompts."""
    if voice in PEOPLE:
        sound = _prompts(PEOPLE[voice])
        length = (PIECE - LEAD) * RATE // SAMPLE_RATE
        cuts = [sound[i * length : (i + 1) * length] for i in range(PIECES + 1)]
        parts = [piece(cut, RATE) for cut in cuts]
    else:
        parts = [piece(*spoken(name, TEXT)) for name in (*VOICES, VOICES[0])]
    return Speech(voice, parts[-1][: int(WARM_UP_S * SAMPLE_RATE)], tuple(parts[:-1]))


def written(speech: Speech) -> Path:
    """Its pieces as a WAV file in ``build/voices``, mono."""
    file = BUILD / f"{speech.voice}.wav"
    BUILD.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(np.concatenate(speech.pieces).tobytes())
    return file


def _prompts(prompts: Prompts) -> Samples:
    path = SOUNDS / prompts.file
    if not path.exists():
        _fetch(prompts.package)
    with av.open(str(path), format="g722") as container:
        decoded = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(decoded).astype(np.int16)


def _fetch(package: str) -> None:
    """Unpack Debian's *package* into ``build/voices``; nothing is installed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    limits: dict[str, Any] = {"check": True, "cwd": BUILD, "timeout": FETCH_S}
    try:
        subprocess.run(["apt-get", "-q", "download", package], **limits)
        for file in BUILD.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg", "-x", file.name, "."], **limits)
            file.unlink()
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        raise RuntimeError(
            f"the voices of {package} cannot be had: check that apt reaches its mirror "
            "(try: apt-get update), or choose --voices espeak"
        ) from error
