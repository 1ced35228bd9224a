"""What processes cost: processor time and memory, from /proc (proc(5))."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
NICE = -15


@dataclass(frozen=True)
class Memory:
    """Resident, in MB; *pss_mb* counts pages that processes share once, *rss_mb* in each."""

    rss_mb: float
    pss_mb: float


def _stat(pid: int) -> list[str]:
    """The fields after the name."""
    text = (PROC / str(pid) / "stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def descendants(root: int | None = None) -> list[int]:
    """All processes below *root* (this one by default), itself left out."""
    found: list[int] = []
    looked_at = [root or os.getpid()]
    while looked_at:
        below = _children(looked_at.pop())
        found += below
        looked_at += below
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for file in (PROC / str(pid) / "task").glob("*/children"):
        with suppress(OSError):
            children += map(int, file.read_text().split())
    return children


def program(pid: int) -> str:
    """Its executable's path, empty when it is gone."""
    try:
        return os.readlink(PROC / str(pid) / "exe")
    except OSError:
        return ""


def processor_s(root: int) -> float:
    """Processor time (s) of *root* and all below it, since they began."""
    spent = 0
    for pid in (root, *descendants(root)):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = _stat(pid)
            spent += int(fields[11]) + int(fields[12])
    return spent / TICKS


def memory(root: int) -> Memory:
    """Of *root* and all below it, now; it takes some ms of the kernel's time."""
    rss = pss = 0
    for pid in (root, *descendants(root)):
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
            sizes = {name: text.split()[0] for name, text in (line.split(":", 1) for line in lines)}
            rss += int(sizes["Rss"])
            pss += int(sizes["Pss"])
    return Memory(rss / 1000, pss / 1000)


def ahead_of_others(pid: int) -> None:
    """Let the session of *pid* go before all others on this machine (sched(7)), where allowed."""
    with suppress(OSError):
        (PROC / str(pid) / "autogroup").write_text(str(NICE))
