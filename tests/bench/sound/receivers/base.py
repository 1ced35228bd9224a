"""A receiver in a process of its own, asked by the bench over a pair of pipes (JSON lines)."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import threading
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from appliance.leg.codecs.opus import SAMPLE_RATE, Samples

BLOCK = 480
BLOCK_S = BLOCK / SAMPLE_RATE
STOP_S = 5.0


@dataclass
class Recording:
    """Blocks of 10 ms, each with the moment (monotonic, s) at which it left the receiver."""

    times: list[float] = field(default_factory=list)
    blocks: list[Samples] = field(default_factory=list)

    def add(self, block: Samples) -> None:
        """*block* leaves the receiver now."""
        self.times.append(time.monotonic())
        self.blocks.append(block)

    def heard(self) -> Heard:
        """All of it; nothing, where the run was broken off before the first block."""
        nothing: Samples = np.zeros(0, np.int16)
        return Heard(self.times, np.concatenate([nothing, *self.blocks]))


@dataclass(frozen=True)
class Heard:
    """What left the receiver, and how many of its samples were concealed by now."""

    times: list[float]
    sound: Samples


class Receiver(Protocol):
    """One kind of receiver with several connections, by name."""

    async def start(self) -> int:
        """Begin; gives the process at the root of what it costs."""

    async def open(self, name: str, offer: str) -> str:
        """Another connection; gives its answer."""

    async def concealed(self, name: str) -> float | None:
        """Seconds of its sound that were concealed so far, None where it cannot tell."""

    async def close(self, name: str) -> Heard:
        """End that connection; gives what it heard."""

    async def stop(self) -> None:
        """End."""


class Clock:
    """A thread that does *act* each *period_s*, as those of a sound card do."""

    def __init__(self, act: Callable[[], None], period_s: float = BLOCK_S) -> None:
        self._act = act
        self._period_s = period_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            due += self._period_s
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self._act()

    def stop(self) -> None:
        """Returns when it does nothing more."""
        self._ended.set()
        self._thread.join(STOP_S)


class Player:
    """Takes a block each 10 ms, as a playback thread does, and records it."""

    def __init__(self, source: Callable[[], Samples]) -> None:
        self.recording = Recording()
        self._clock = Clock(lambda: self.recording.add(source()))

    def stop(self) -> Heard:
        """What was played."""
        self._clock.stop()
        return self.recording.heard()


class Talker:
    """What the receiver's own side says: a WAV *file*, 48 kHz, 16 bit, mono, round and round."""

    def __init__(self, file: Path, samples: int) -> None:
        with wave.open(str(file)) as sound:
            said = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        whole = said[: len(said) // samples * samples]
        self._blocks = itertools.cycle(whole.reshape(-1, samples))

    def next(self) -> Samples:
        """The next *samples*."""
        return next(self._blocks)


def what_it_says() -> Path | None:
    """The file that the bench wants this receiver to say; None where it only listens."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--talk", type=Path)
    talk: Path | None = parser.parse_args().talk
    return talk


def serve(receiver: Receiver) -> None:
    """Answer the bench's requests until it closes the pipe."""
    asyncio.run(_serve(receiver))


async def _serve(receiver: Receiver) -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(requests), sys.stdin
    )
    print(json.dumps({"root": await receiver.start()}), file=answers, flush=True)
    try:
        while line := await requests.readline():
            print(json.dumps(await _answer(receiver, json.loads(line))), file=answers, flush=True)
    finally:
        await receiver.stop()


async def _answer(receiver: Receiver, asked: dict[str, Any]) -> dict[str, Any]:
    name = asked["name"]
    match asked["do"]:
        case "open":
            return {"answer": await receiver.open(name, asked["offer"])}
        case "concealed":
            return {"concealed": await receiver.concealed(name)}
        case "close":
            heard = await receiver.close(name)
            np.savez(Path(asked["file"]), times=np.array(heard.times), sound=heard.sound)
            return {}
    raise ValueError(f"the bench asked for {asked['do']!r}, which no receiver knows")
