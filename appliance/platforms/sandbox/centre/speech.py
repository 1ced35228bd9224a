"""Speech made on this machine by espeak-ng, as 48 kHz mono int16, and kept for the next start."""

from __future__ import annotations

import hashlib
import logging
import os
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from appliance.platforms.sandbox.centre.script import (
    AGENT_VOICES,
    CUSTOMER_VOICES,
    DIALOGUES,
)
from appliance.platforms.sandbox.centre.sound import RATE, Pcm, from_float, resample
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

WORDS_PER_MINUTE = 165
LEVEL_DBFS = -24.0
"""RMS level of a spoken line; its peaks stay 9 to 15 dB above."""
SECONDS_FOR_A_LINE = 20.0

Lines = dict[tuple[str, str], Pcm]
"""Sound by (voice, text)."""


class SpeechError(BargeboxError):
    """No speech can be made on this machine."""

    code = "speech_unavailable"


def load_lines(directory: Path | None) -> Lines:
    """All lines of the script in all voices, from *directory* or made and then kept there.

    Blocks for some seconds at the first use. Raises `SpeechError`.
    """
    wanted = list(dict.fromkeys(_wanted()))
    with ThreadPoolExecutor(max_workers=2) as pool:
        sounds = pool.map(lambda key: _line(key[0], key[1], directory), wanted)
        return dict(zip(wanted, sounds, strict=True))


def _wanted() -> Iterator[tuple[str, str]]:
    for dialogue in DIALOGUES:
        for turn, text in enumerate(dialogue):
            for voice in CUSTOMER_VOICES if turn % 2 else AGENT_VOICES:
                yield voice, text


def _line(voice: str, text: str, directory: Path | None) -> Pcm:
    if directory is None:
        return make_line(voice, text)
    key = f"{voice}\n{text}\n{WORDS_PER_MINUTE}\n{LEVEL_DBFS}"
    path = directory / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.s16"
    try:
        kept = path.read_bytes()
    except OSError:
        kept = b""
    if kept and len(kept) % 2 == 0:
        return np.frombuffer(kept, np.int16)
    sound = make_line(voice, text)
    _keep(path, sound.tobytes())
    return sound


def _keep(path: Path, data: bytes) -> None:
    """Write all or nothing; speech that cannot be kept is made again at the next start."""
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(data)
        new.replace(path)
    except OSError as error:
        log.warning("made speech is not kept in %s: %s", path.parent, error)


def make_line(voice: str, text: str) -> Pcm:
    """Speak *text*. Raises `SpeechError` when espeak-ng is missing or refuses."""
    command = ["espeak-ng", "-v", voice, "-s", str(WORDS_PER_MINUTE), "--stdout", "--", text]
    try:
        spoken = subprocess.run(
            command, capture_output=True, timeout=SECONDS_FOR_A_LINE, check=True
        )
    except FileNotFoundError as error:
        raise SpeechError(
            "The sandbox needs espeak-ng to make its callers speak; install the package espeak-ng."
        ) from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise SpeechError(f"espeak-ng could not speak with the voice {voice}: {error}") from error
    rate, samples = _read_wav(spoken.stdout)
    return _levelled(resample(samples.astype(np.float64) / 32768.0, rate, RATE))


def _read_wav(data: bytes) -> tuple[int, Pcm]:
    """Rate and samples of espeak's streamed WAV, whose header cannot know the true length."""
    start = data.find(b"data")
    if not data.startswith(b"RIFF") or start < 0 or len(data) < start + 10:
        raise SpeechError("espeak-ng wrote no sound; check that its voices are installed.")
    (rate,) = struct.unpack_from("<I", data, 24)
    body = data[start + 8 :]
    return rate, np.frombuffer(body[: len(body) // 2 * 2], np.int16)


def _levelled(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Pcm:
    rms = float(np.sqrt(np.mean(sound**2)))
    if rms == 0.0:
        raise SpeechError("espeak-ng spoke nothing but silence; check that its voices work.")
    return from_float(sound * (10 ** (LEVEL_DBFS / 20) / rms))
