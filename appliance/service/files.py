"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes, mode: int = 0o600, *, like: Path | None = None) -> None:
    """Replace *path* by a file with *data* and *mode*: old or new, never a mix, also after a
    power cut. What root writes belongs to the owner of *like*. Raises ``OSError``.
    """
    draft = path.with_name(path.name + ".new")
    write_draft(draft, data, mode, like=like)
    draft.replace(path)


def write_draft(draft: Path, data: bytes, mode: int = 0o600, *, like: Path | None = None) -> None:
    """The first half: *data* is on the disk, beside what it shall replace. Raises ``OSError``."""
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        if like is not None and os.geteuid() == 0:
            owner = like.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def settle(folder: Path) -> None:
    """Have *folder* itself on the disk: which files there are, and which is which. Raises
    ``OSError``.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
