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
from appliance.provisioning.words import said
from appliance.service.errors import BargeboxError

MB = 1024 * 1024
FULL_MB = 20
LOW_MB = 200
READ_ONLY = (errno.EROFS, errno.EIO)
_REPLACE = said(
    "Restart the box. If it is so again, replace the card: it protects itself at its end."
)


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
            words = said("Nothing can be written to the disk ({why}).", why=error.strerror)
            return [fault("disk_read_only", words, _REPLACE)]
        if error.errno != errno.ENOSPC:
            words = said("The folder of the box's data cannot be used: {why}.", why=error.strerror)
            advice = said("See that control may write to {folder}.", folder=folder)
            return [fault("disk_unusable", words, advice)]
        free_mb = 0
    advice = said(
        "Free some space: the journal and old files. “df -h” and “journalctl --disk-usage”."
    )
    if free_mb < FULL_MB:
        words = said(
            "The disk is full: joining and un-muting are refused, for they cannot be recorded."
        )
        return [fault("disk_full", words, advice)]
    if free_mb < LOW_MB:
        words = said("The disk has {free} MB left.", free=free_mb)
        return [warning("disk_nearly_full", words, advice)]
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
