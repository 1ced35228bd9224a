"""The bench's side of a receiver's process; see `receivers.base` for the other."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from tests.bench.sound.cost import Memory, ahead_of_others, memory, processor_s

ANSWER_S = 30.0
LINE_BYTES = 1 << 20
MODULES = {
    "ours": "tests.bench.sound.receivers.ours",
    "stock": "tests.bench.sound.receivers.stock",
    "wrtc": "tests.bench.sound.receivers.libwebrtc",
    "chromium": "tests.bench.sound.receivers.chromium",
}
TALKERS = MODULES | {"ours": "tests.bench.sound.receivers.whole_leg"}


class Remote:
    """A receiver's process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process
        self._root = 0

    @classmethod
    async def start(cls, name: str, talk: Path | None) -> Self:
        """One of `MODULES`, ready; it says the sound in the file *talk*, if any.

        Raises RuntimeError when it ends instead.
        """
        pipe = asyncio.subprocess.PIPE
        module = MODULES[name] if talk is None else TALKERS[name]
        told = () if talk is None else ("--talk", str(talk))
        command = (sys.executable, "-m", module, *told)
        made = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, limit=LINE_BYTES, start_new_session=True
        )
        remote = cls(name, made)
        remote._root = (await remote._answer())["root"]
        ahead_of_others(remote._root)
        return remote

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the receiver {self.name} has ended: see its own words above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, do: str, name: str, **more: object) -> dict[str, Any]:
        """Ask for *do* about the connection *name*."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, "name": name, **more}).encode() + b"\n")
        return await self._answer()

    def processor_s(self) -> float:
        """Processor time of the process and all below it, so far."""
        return processor_s(self._root)

    def memory(self) -> Memory:
        """Of the process and all below it, now."""
        return memory(self._root)

    async def stop(self) -> None:
        """Let it end; kill it where it has not within 30 s."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()


@asynccontextmanager
async def started(names: list[str], talk: Path | None = None) -> AsyncIterator[list[Remote]]:
    """The processes of all *names*; see `Remote.start`."""
    remotes: list[Remote] = []
    try:
        for name in names:
            remotes.append(await Remote.start(name, talk))  # noqa: PERF401  (each is stopped, come what may)
        yield remotes
    finally:
        for remote in remotes:
            await remote.stop()
