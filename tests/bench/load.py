"""What the box costs: processor and memory of leg and control, read from outside in /proc."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.demo.world import World
from tests.bench.figures import Figure
from tests.support.demo_world import Person, monitored

TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_S = 3.0


def processor_seconds(pid: int) -> float:
    """User and system time of a process, all threads (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_mb(pid: int) -> float:
    """Proportional set size in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no Pss of process {pid}")


async def measure_load(world: World, repetitions: int) -> list[Figure]:
    """One sample a second in a talking call, with one page open: listening, and then live, when
    the leg encodes and sends as well.
    """
    assert world.leg.pid is not None
    assert world.control.pid is not None
    pids = (world.leg.pid, world.control.pid)
    async with Person(world) as person, monitored(world, person, voices=True), person.events():
        await asyncio.sleep(SETTLE_S)
        cpu, memory = await _sample(pids, repetitions)
        await person.put("/monitoring/microphone", {"muted": False})
        await asyncio.sleep(SETTLE_S)
        live, _ = await _sample(pids[:1], repetitions)
    return [
        Figure("cpu", cpu, "s per call-s", 0.12, "p50"),
        Figure("leg-live", live, "s per call-s", 0.06, "p50"),
        Figure("memory", memory, "MB PSS", 180, "p99"),
    ]


async def _sample(pids: Sequence[int], repetitions: int) -> tuple[list[float], list[float]]:
    """Processor time of each second, and memory after it, of all *pids* together."""
    cpu: list[float] = []
    memory: list[float] = []
    before, then = sum(map(processor_seconds, pids)), time.monotonic()
    for _ in range(repetitions):
        await asyncio.sleep(1.0)
        used, now = sum(map(processor_seconds, pids)), time.monotonic()
        cpu.append((used - before) / (now - then))
        before, then = used, now
        memory.append(sum(map(pss_mb, pids)))
    return cpu, memory
