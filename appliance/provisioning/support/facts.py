"""Facts of machine and system, as far as they can be had; each that cannot says why."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from systemd.journal import Reader

LIMIT_S = 8.0
MAX_LINES = 4000
UNITS = (
    "bargebox.target",
    "bargebox-leg.socket",
    "bargebox-leg.service",
    "bargebox-control.service",
)
SHOWN = (
    "Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainStartTimestamp,"
    "MemoryCurrent,CPUUsageNSec,TasksCurrent"
)


def told(work: Callable[[], object]) -> object:
    """What *work* tells, or why it cannot."""
    try:
        return work()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"not available: {error}\n"


def machine(root: Path, state_dir: Path) -> str:
    """Board, kernel, system, memory, disk, clock."""
    system = platform.uname()
    facts: dict[str, Callable[[], str]] = {
        "board": lambda: (root / "sys/firmware/devicetree/base/model").read_text().strip("\0\n"),
        "kernel": lambda: f"{system.system} {system.release} {system.version} {system.machine}",
        "system": lambda: platform.freedesktop_os_release()["PRETTY_NAME"],
        "python": platform.python_version,
        "processors": lambda: str(os.cpu_count()),
        "memory": lambda: f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 20} MB",
        "on for": lambda: f"{time.clock_gettime(time.CLOCK_BOOTTIME) / 3600:.1f} h",
        "load": lambda: " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "disk": lambda: _disk(state_dir),
        "clock": lambda: time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }
    return "".join(f"{name}: {str(told(work)).strip()}\n" for name, work in facts.items())


def _disk(folder: Path) -> str:
    room = os.statvfs(folder)
    free, whole = (blocks * room.f_frsize >> 20 for blocks in (room.f_bavail, room.f_blocks))
    return f"{free} of {whole} MB free{', read-only' if room.f_flag & os.ST_RDONLY else ''}"


def packages() -> str:
    """The versions of what the box's program is made of."""
    return "".join(sorted(f"{one.name} {one.version}\n" for one in distributions()))


def addresses() -> str:
    """The box's network addresses (ip-address(8))."""
    return _output("ip", "-brief", "address")


def units() -> str:
    """How the units are (systemctl(1))."""
    return _output("systemctl", "show", "--no-pager", f"--property={SHOWN}", *UNITS)


def _output(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, timeout=LIMIT_S, check=False, text=True, errors="replace"
    )
    return done.stdout + (f"{command[0]}: {done.stderr}" if done.returncode else "")


def journal() -> Iterator[str]:
    """The last lines of the box's own processes, oldest first."""
    with Reader() as reader:
        for name in ("bargebox-leg", "bargebox-control"):
            reader.add_match(SYSLOG_IDENTIFIER=name)
        reader.seek_tail()
        reader.get_previous(MAX_LINES)
        for entry in reader:
            at = entry["__REALTIME_TIMESTAMP"].isoformat(timespec="milliseconds")
            code = f" [{entry['CODE']}]" if "CODE" in entry else ""
            yield f"{at} {entry.get('SYSLOG_IDENTIFIER')} {entry.get('MESSAGE')}{code}\n"
