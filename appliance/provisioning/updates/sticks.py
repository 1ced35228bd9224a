"""Bundles on USB sticks, wherever the system has mounted them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from appliance.provisioning.updates.folder import SUFFIX

MOST: Final = 20
"""Bundles that are shown."""
MOST_LOOKED_AT: Final = 2000
DEPTH: Final = 3
"""A stick's own folder, one below it, and the file."""


class StickBundle(BaseModel):
    """A bundle on a stick."""

    name: str
    """Its path below the folder of sticks."""
    size: int
    """Bytes."""


def bundles_on(sticks: Path) -> list[StickBundle]:
    """Those that there are, by name; waits for the disk."""
    found = []
    for path in islice(_files(sticks, DEPTH), MOST_LOOKED_AT):
        try:
            if path.suffix == SUFFIX and path.is_file():
                name = str(path.relative_to(sticks))
                found.append(StickBundle(name=name, size=path.stat().st_size))
        except OSError:
            continue  # pulled out just now
    return sorted(found, key=lambda one: one.name)[:MOST]


def path_on(sticks: Path, name: str) -> Path | None:
    """The file of that name, if it is one of `bundles_on`; waits for the disk."""
    known = any(one.name == name for one in bundles_on(sticks))
    return sticks / name if known else None


def _files(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        # A name that is no text, or breaks the line, can be neither shown nor told to RAUC.
        if entry.name.startswith(".") or entry.is_symlink() or not entry.name.isprintable():
            continue
        if depth > 1 and entry.is_dir():
            yield from _files(entry, depth - 1)
        else:
            yield entry
