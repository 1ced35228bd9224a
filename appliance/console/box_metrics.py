"""Figures of the box and of this process, beside those of its sessions (Prometheus text)."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from appliance.console.metrics import family, labelled
from appliance.console.ports.provisioning import Health
from appliance.provisioning.logs.forwarder import LogState

VERSION: Final = version("bargebox")
STARTED: Final = time.time()
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """What this process takes. The names are those of every Prometheus client."""

    cpu_s: float
    memory_bytes: int
    open_files: int

    @classmethod
    def now(cls) -> Process:
        """Read from the kernel; use a thread."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
        return cls(used.ru_utime + used.ru_stime, resident, len(os.listdir("/proc/self/fd")))


def log_metrics(logs: LogState) -> str:
    """The sending of the logs."""
    return "".join(
        [
            family("log_server_connected", "gauge", "Log server reachable.", int(logs.connected)),
            family("log_messages_sent_total", "counter", "Messages sent to it.", logs.sent),
            family("log_lines_waiting", "gauge", "Lines that wait for it.", logs.waiting),
            family(
                "log_lines_dropped_total", "counter", "Lines lost, too many waited.", logs.dropped
            ),
        ]
    )


def box_metrics(health: Health, driver: str, process: Process) -> str:
    """The text, to be put after the sessions'."""
    found = {told.finding.code for told in health.findings()}
    codes = [(f'{{code="{code}"}}', float(code in found)) for code in health.codes]
    info = [(f'{{version="{VERSION}",driver="{driver}"}}', 1.0)]
    return "".join(
        [
            labelled("build_info", "gauge", "Version and call platform, always 1.", info),
            labelled("health_finding", "gauge", "1 while this is wrong.", codes),
            family("start_time_seconds", "gauge", "When control began, Unix time.", STARTED),
            family("cpu_seconds_total", "counter", "Processor time of control.", process.cpu_s),
            family("memory_bytes", "gauge", "Resident memory of control.", process.memory_bytes),
            family("open_files", "gauge", "Open files of control.", process.open_files),
        ]
    )
