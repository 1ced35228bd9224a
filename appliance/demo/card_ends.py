"""The outer ends of the virtual sound card: a player into the mouth, a tap of the ear."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
STOP_LIMIT_S = 3.0
SILENT_LIMIT_S = 5.0
_CHUNK_BYTES = 16 * 1024


class Player:
    """Feeds one sound to a player process, over and over when it loops."""

    def __init__(
        self, sound: Path | NDArray[np.int16], environment: dict[str, str], *, loop: bool
    ) -> None:
        rate, channels, pcm = _read_wave(sound) if isinstance(sound, Path) else _raw(sound)
        self._process = subprocess.Popen(
            [
                *("pacat", "--playback", "--device=mouth", "--raw", "--format=s16le"),
                *(f"--rate={rate}", f"--channels={channels}", "--latency-msec=40"),
                "--client-name=mouth",
            ],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._feeder = threading.Thread(
            target=self._feed, args=(pcm, loop), name="mouth", daemon=True
        )
        self._feeder.start()

    def _feed(self, pcm: bytes, loop: bool) -> None:
        assert self._process.stdin is not None
        # The player has ended: the card was stopped, or another sound took its place.
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            while True:
                for start in range(0, len(pcm), _CHUNK_BYTES):
                    pipe.write(pcm[start : start + _CHUNK_BYTES])
                    pipe.flush()
                if not loop:
                    return

    def close(self) -> None:
        """Stop at once."""
        self._process.kill()
        self._process.wait(STOP_LIMIT_S)
        self._feeder.join(STOP_LIMIT_S)


class EarTap:
    """Hears the ear in pieces of about 5 ms. Iterate over it, or `record`; close it in the end."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[float, NDArray[np.int16]]]:
        """``(at, block)``: samples of shape ``(n,)``, mono, 48 kHz, and the monotonic time of
        the first. Ends when the tap is closed. Raises `TimeoutError` after 5 s without a sample.
        """
        assert self._process.stdout is not None
        # A descriptor of our own, so that another thread may close the tap meanwhile.
        pipe = os.dup(self._process.stdout.fileno())
        odd = b""
        try:
            while True:
                readable, _, _ = select.select([pipe], [], [], SILENT_LIMIT_S)
                if not readable:
                    raise TimeoutError("nothing comes from the ear tap")
                data = odd + os.read(pipe, _CHUNK_BYTES)
                now = time.monotonic()
                if len(data) == len(odd):
                    return
                whole = len(data) & ~1
                odd = data[whole:]
                block = np.frombuffer(data[:whole], dtype="<i2").astype(np.int16)
                if whole:
                    yield now - len(block) / SAMPLE_RATE, block
        finally:
            os.close(pipe)

    def record(self, seconds: float) -> NDArray[np.int16]:
        """What is heard in the next *seconds*, shape ``(seconds × 48000,)``."""
        wanted = round(seconds * SAMPLE_RATE)
        begun = time.monotonic()
        blocks: list[NDArray[np.int16]] = []
        have = 0
        for at, block in self:
            if at < begun:
                continue
            blocks.append(block)
            have += len(block)
            if have >= wanted:
                break
        return np.concatenate(blocks)[:wanted] if blocks else np.zeros(0, np.int16)

    def close(self) -> None:
        """Stop listening."""
        stop_process(self._process)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Close its standard input, end it gently, then by force; nothing is left of it after."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_LIMIT_S)
    if process.stdout is not None:
        process.stdout.close()


def _read_wave(path: Path) -> tuple[int, int, bytes]:
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path.name} is not 16-bit PCM")
        return file.getframerate(), file.getnchannels(), file.readframes(file.getnframes())


def _raw(samples: NDArray[np.int16]) -> tuple[int, int, bytes]:
    if samples.ndim != 1:
        raise ValueError("the mouth takes mono samples, shape (n,)")
    return SAMPLE_RATE, 1, samples.astype("<i2").tobytes()
