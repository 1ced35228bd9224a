"""A process that writes to an audit log, row after row, and says which are written.

``python -m tests.support.audit_writer DATABASE FIRST LAST KEEP [DIES_AT ROWS]``: now and then it
cuts off what is older than KEEP seconds. It kills itself, as a power cut would, at one place in the
write of a row. Each number that it prints is on the disk.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.monitoring import audit_seal
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.store import Store

PLACES = ("before-draft", "after-draft", "after-commit", "after-rename")


async def write(database: Path, first: int, last: int, keep: timedelta) -> None:
    """Rows *first* to *last*; every tenth time, what is older than *keep* is cut off."""
    store = await Store.open(database)
    audit = Audit(store)
    audit.start()
    for number in range(first, last + 1):
        await audit.append(Entry("ann", "act", detail={"number": number}))
        os.write(1, f"{number}\n".encode())
        if number % 10 == 0:
            await audit.cut(datetime.now(UTC) - keep)
    await audit.stop()
    await store.close()


def die_at(place: str, after: int) -> None:
    """End without a goodbye at *place*, in the write after *after* ones."""
    passed = 0

    def dying(name: str, *, before: bool) -> Callable[..., None]:
        real = getattr(audit_seal, name)

        def call(*arguments: object, **options: object) -> None:
            nonlocal passed
            passed += 1
            if before and passed > after:
                os.kill(os.getpid(), signal.SIGKILL)
            real(*arguments, **options)
            if passed > after:
                os.kill(os.getpid(), signal.SIGKILL)

        return call

    name = "write_draft" if place.endswith("draft") else "keep_draft"
    before = place in ("before-draft", "after-commit")
    setattr(audit_seal, name, dying(name, before=before))


if __name__ == "__main__":
    if len(sys.argv) > 5:
        die_at(sys.argv[5], int(sys.argv[6]))
    kept = timedelta(seconds=float(sys.argv[4]))
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), kept))
