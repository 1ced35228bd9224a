"""What the box costs: processor and memory of leg and control, read from outside in /proc."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from appliance.demo.world import World
from tests.bench.figures import Figure
from tests.support.demo_world import Person, monitored

TICKS = os.sysconf("SC_CLK_TCK")


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
    """One sample a second while listening to a talking call, with one page open."""
    pids = [pid for pid in (world.leg.pid, world.control.pid) if pid is not None]
    cpu: list[float] = []
    memory: list[float] = []
    async with Person(world) as person, monitored(world, person, voices=True), person.events():
        await asyncio.sleep(3.0)
        before, then = sum(map(processor_seconds, pids)), time.monotonic()
        for _ in range(repetitions):
            await asyncio.sleep(1.0)
            used, now = sum(map(processor_seconds, pids)), time.monotonic()
            cpu.append((used - before) / (now - then))
            before, then = used, now
            memory.append(sum(map(pss_mb, pids)))
    return [
        Figure("cpu", cpu, "s per call-s", 0.12, "p50"),
        Figure("memory", memory, "MB PSS", 180, "p99"),
    ]
