"""Run as a process: a power cut at each step of a factory reset, one after the other.

Prints what is found after each cut and after the next start, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from pathlib import Path

from appliance.provisioning.reset.carrying_out import finish_reset
from appliance.provisioning.reset.marker import Marker, Ordered
from tests.support.cuts import Named, cut_at

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
    "openid-secret.json",
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


def step_in(folder: Path) -> Named:
    """A step is what changes that folder."""

    def named(event: str, arguments: tuple[object, ...]) -> str:
        # A path below an open folder (shutil.rmtree) is told without that folder.
        inside = event in STEPS and (
            event == "os.remove" or str(arguments[0]).startswith(str(folder))
        )
        return event if inside else ""

    return named


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
            step = cut_at(number, partial(work, folder), step_in(folder))
            found = left(folder)
            carry_out(folder)
            print(json.dumps({"of": name, "step": step, "cut": found, "next": left(folder)}))
            if not step:
                break
        else:
            raise AssertionError("no end of steps")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
