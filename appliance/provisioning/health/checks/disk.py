"""The disk of the state directory: full, nearly full, or read-only."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check, Fix
from appliance.provisioning.health.finding import Finding, fault, warning
from appliance.provisioning.health.threads import in_thread
from appliance.service.errors import BargeboxError

MB = 1024 * 1024
FULL_MB = 20
LOW_MB = 200
READ_ONLY = (errno.EROFS, errno.EIO)
_REPLACE = "Restart the box. If it is so again, replace the card: it protects itself at its end."


async def look(box: Box) -> list[Finding]:
    """Free space, and whether a file can be made and removed again."""
    return await in_thread(_look, box.database.parent)


def _look(folder: Path) -> list[Finding]:
    try:
        free_mb = (room := os.statvfs(folder)).f_bavail * room.f_frsize // MB
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        if error.errno in READ_ONLY:
            words = f"Nothing can be written to the disk ({error.strerror})."
            return [fault("disk_read_only", words, _REPLACE)]
        if error.errno != errno.ENOSPC:
            words = f"The folder of the box's data cannot be used: {error.strerror}."
            return [fault("disk_unusable", words, f"See that control may write to {folder}.")]
        free_mb = 0
    advice = "Free some space: the journal and old files. “df -h” and “journalctl --disk-usage”."
    if free_mb < FULL_MB:
        words = "The disk is full: joining and un-muting are refused, for they cannot be recorded."
        return [fault("disk_full", words, advice)]
    if free_mb < LOW_MB:
        return [warning("disk_nearly_full", f"The disk has {free_mb} MB left.", advice)]
    return []


async def _shrink(box: Box, _who: str) -> None:
    await in_thread(_empty_journal, box.database)


def _empty_journal(database: Path) -> None:
    """Put the write-ahead log into the database and give its space back."""
    try:
        with closing(sqlite3.connect(database, timeout=2.0)) as opened:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise BargeboxError(f"The database could not be tidied: {error}.", code="busy") from error


_TIDY = Fix("Tidy the database", _shrink)
CHECK = Check(
    "disk",
    ("disk_full", "disk_nearly_full", "disk_read_only", "disk_unusable"),
    look,
    {"disk_nearly_full": _TIDY, "disk_full": _TIDY},
)
