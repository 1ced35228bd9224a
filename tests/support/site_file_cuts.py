"""Run as a process: the power is cut at each step of taking a document up, one after the other.

A step is an opening for writing, a renaming or a deleting of a file of the box or of its medium;
each is cut before it begins, and what is written also after its first bytes. After each cut the
box is started without the medium and with it, and what it then is, is printed as one JSON object a
line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tests.support.cuts import Named, cut_at
from tests.support.site_box import SiteBox

STEPS = ("open", "os.rename", "os.remove")

OLD = "[site]\nbarge_limit_s = 60\n[panel]\npush_to_talk = false\n"
NEW = """
[administrator]
password = "correct horse battery"
[platform]
driver = "janus"
[platform.janus]
url = "wss://janus.example.org"
api_secret = "its API secret"
[[roles]]
name = "Listener"
permissions = ["MONITOR_ALL_CALLS"]
[[accounts]]
name = "Sam"
role = "Listener"
password = "for the first time"
[site]
barge_limit_s = 90
[panel]
push_to_talk = true
[logs]
transport = "tls"
server = "logs.example.org"
[openid]
enabled = true
issuer = "https://id.example.org"
client_id = "bargebox"
client_secret = "of that client"
roles = [{ group = "leads", role = "Listener" }]
"""
SECRETS = ("correct horse battery", "its API secret", "for the first time", "of that client")


def taken(box: SiteBox) -> None:
    """What control does with a document, to its end."""

    async def work() -> None:
        await box.start()
        await box.finish()

    asyncio.run(work())


def step_in(box: SiteBox) -> Named:
    """A step changes a file of the box."""

    def named(event: str, arguments: tuple[object, ...]) -> str:
        if event not in STEPS or not _counts(event, arguments, box.folder):
            return ""
        return f"{event} {Path(str(arguments[0])).relative_to(box.folder)}"

    return named


def _counts(event: str, arguments: tuple[object, ...], folder: Path) -> bool:
    """It changes a file of the box: another only reads."""
    path = str(arguments[0])
    if not path.startswith(str(folder)) or "/tls/" in path:
        return False
    if "audit.head" in path:
        return event == "os.rename"  # the one that follows a transaction; its own cuts are others'
    flags = arguments[2] if event == "open" else os.O_WRONLY
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def state(box: SiteBox) -> str:
    """What the box is, as far as people see it; hashes of passwords are salted, so not those."""
    found: dict[str, Any] = asyncio.run(box.document())
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def look(box: SiteBox) -> dict[str, object]:
    """As a page shows it right after the next start, without the medium and with it; and when all
    is done.
    """
    away = box.boot.with_name("away")
    box.boot.rename(away)
    asyncio.run(box.start())
    alone = state(box)
    away.rename(box.boot)
    asyncio.run(box.start())
    served = state(box)
    asyncio.run(box.finish())
    text = (box.boot / "bargebox.toml").read_text()
    left = [path.name for path in (box.state / "provisioning").iterdir()]
    return {
        "alone": alone,
        "served": served,
        "state": state(box),
        "secrets": [secret for secret in SECRETS if secret in text],
        "whole": text.count("\n") == NEW.count("\n"),
        "left": sorted(left),
        "report": (box.boot / "bargebox-report.txt").read_text().splitlines()[3],
        "again": asyncio.run(box.start()),
    }


def main(path: Path) -> None:
    """Until taking it up has no step left to die at."""
    old = SiteBox(path / "old")
    old.put(OLD)
    taken(old)
    (old.boot / "bargebox.toml").unlink()
    print(json.dumps({"old": state(old)}))
    for number, within in product(range(1, 400), (False, True)):
        folder = path / f"{number}-{within}"
        shutil.copytree(old.folder, folder)
        box = SiteBox(folder)
        box.put(NEW)
        step = cut_at(number, partial(taken, box), step_in(box), within=within)
        if not within or step.startswith("open "):  # the others write nothing themselves
            print(json.dumps({"step": step, "within": within, **look(box)}), flush=True)
        shutil.rmtree(folder)
        if not step:
            return
    raise AssertionError("no end of steps")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
