"""Run as a process: a power cut at each step of a factory reset, one after the other.

Prints what is found after each cut and after the next start, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from appliance.provisioning.reset.carrying_out import finish_reset
from appliance.provisioning.reset.marker import Marker, Ordered

STEPS = ("open", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")
USED = (
    "bargebox.sqlite3",
    "bargebox.sqlite3-wal",
    "bargebox.sqlite3-shm",
    "bargebox-audit.key",
    "bargebox-audit.head",
    "platform.json",
    "tls/own.pem",
    "tls/authorities.pem",
    "time-servers",
    "log-forwarding.json",
    "shipped.json",
)


def used(folder: Path) -> None:
    """As the box is after a while."""
    for name in USED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


def order(folder: Path) -> None:
    Marker(folder).write(Ordered(seq=7))


def carry_out(folder: Path) -> None:
    asyncio.run(finish_reset(folder, folder / "time-servers", ""))


def cut_at(number: int, folder: Path, work: Callable[[Path], None]) -> str:
    """A process of its own dies before its step *number*; which step that was, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            # A path below an open folder (shutil.rmtree) is told without that folder.
            if event in STEPS and (
                event == "os.remove" or str(arguments[0]).startswith(str(folder))
            ):
                seen += 1
                if seen == number:
                    os.write(writing, event.encode())
                    os.kill(os.getpid(), signal.SIGKILL)

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(hook)
        work(folder)
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        step = told.read()
    assert step or (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0), status
    return step


def left(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def main(path: Path) -> None:
    """Until a reset has no step left to die before."""
    for name, work in (("order", order), ("carry out", carry_out)):
        for number in range(1, 200):
            folder = path / f"{name}-{number}"
            used(folder)
            if work is carry_out:
                order(folder)
            step = cut_at(number, folder, work)
            found = left(folder)
            carry_out(folder)
            print(json.dumps({"of": name, "step": step, "cut": found, "next": left(folder)}))
            if not step:
                break
        else:
            raise AssertionError("no end of steps")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
