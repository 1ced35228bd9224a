"""What the box makes in its state directory, and what of it a factory reset removes.

A new file belongs into one of the two lists: a test walks a used box.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MARKER: Final = "factory-reset.json"
"""Says that a reset was ordered; the last that goes."""

GOES: Final = (
    # Key and head go with the database: without one of them the log would count as tampered with.
    "bargebox.sqlite3",
    "bargebox.sqlite3-*",
    "bargebox-audit.key",
    "bargebox-audit.head",
    "bargebox-audit.*.new",
    "platform.json",
    "provisioning",
    "tls",
    "time-servers",
    "openid-secret.json",
    "log-forwarding.json",
    "log-forwarding.position",
    "first-password",
    "*.new",
    "shipped.json",
)
"""Patterns of files and folders below the state directory, in the order in which they go."""

STAYS: Final = ()
"""None yet: the settings file and the system are not in there."""


def remains(state_dir: Path) -> Iterator[Path]:
    """What is there of it, in order, the marker left out."""
    seen: set[Path] = set()
    for pattern in GOES:
        for path in sorted(state_dir.glob(pattern)):
            if path not in seen and path.name != MARKER:
                seen.add(path)
                yield path


def remove(path: Path) -> None:
    """A file, a link or a whole folder; one that is gone already is none. Raises ``OSError``."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
