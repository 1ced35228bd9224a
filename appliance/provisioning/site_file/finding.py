"""Where a document for the box is looked for: its boot partition, and USB sticks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

NAME: Final = "bargebox.toml"
MOST: Final = 16
"""Sticks."""


def candidates(folders: Iterable[Path]) -> Iterator[Path]:
    """Each file of that name in *folders*. Waits for the disk."""
    for folder in folders:
        if _is_there(folder / NAME):
            yield folder / NAME


def sticks(roots: Iterable[Path]) -> list[Path]:
    """The folders in which sticks are mounted, below *roots*."""
    found: list[Path] = []
    for root in roots:
        try:
            found += sorted(path for path in root.iterdir() if path.is_dir())
        except OSError:
            continue  # none was ever mounted
    return found[:MOST]


def _is_there(path: Path) -> bool:
    try:
        return path.is_file() and not path.is_symlink()
    except OSError:
        return False
