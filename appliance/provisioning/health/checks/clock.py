"""The clock: synchronised, and not in a past that the box has already recorded."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.monitoring.store import StoreError
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, fault, warning
from appliance.provisioning.health.threads import in_thread
from appliance.provisioning.words import said

SLACK = timedelta(minutes=5)
LONGEST = timedelta(days=20 * 365)
"""Ahead of the newest program file: no box gets so old."""
_ADVICE = said(
    "Let the box reach a time server (NTP, UDP 123), or name your own in "
    "/etc/systemd/timesyncd.conf; “timedatectl” says how it stands."
)


async def look(box: Box) -> list[Finding]:
    """Against the newest record and the program's own age; then whether it is synchronised."""
    now = datetime.now(UTC)
    least = max(await in_thread(_age_of_program), await _last_record(box))
    if not least - SLACK < now < least + LONGEST:
        words = said(
            "The clock says {now} UTC, but the box has been running at {then} UTC already. "
            "Times on record and certificates are wrong.",
            now=f"{now:%Y-%m-%d %H:%M}",
            then=f"{least:%Y-%m-%d %H:%M}",
        )
        return [fault("clock_wrong", words, _ADVICE)]
    if await in_thread(_unsynchronised, box.root / "run/systemd/timesync"):
        words = said("The clock has not been set by a time server since the box was switched on.")
        return [warning("clock_not_synchronised", words, _ADVICE)]
    return []


def _age_of_program() -> datetime:
    return datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)


async def _last_record(box: Box) -> datetime:
    def work(database: sqlite3.Connection) -> str | None:
        row = database.execute("SELECT at FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        return row[0] if row else None

    try:
        found = await box.store.read(work)
        return datetime.fromisoformat(found) if found else datetime.min.replace(tzinfo=UTC)
    except (StoreError, ValueError):  # the database's own checks tell
        return datetime.min.replace(tzinfo=UTC)


def _unsynchronised(folder: Path) -> bool:
    """By the mark that systemd-timesyncd leaves (systemd-timesyncd.service(8)); others tell not."""
    return folder.is_dir() and not (folder / "synchronized").exists()


CHECK = Check("clock", ("clock_wrong", "clock_not_synchronised"), look)
