"""Secrets that are files of their own: keys, one-time passwords, tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 16 * 1024
MAX_FILES: Final = 200
SHORTEST_LINE: Final = 16
_NAMES: Final = re.compile(r"(?i)(key|pem|password|secret|token|seed)")
_PUBLIC: Final = re.compile(r"(?s)-----BEGIN (?:CERTIFICATE|PUBLIC KEY)-----.*?-----END [^-]*-----")


def secrets_beside(*folders: Path) -> Iterator[str]:
    """What is in files that are called after a secret, whole and line by line; waits for the disk.

    A file that cannot be read holds nothing that control could give away.
    """
    for folder in folders:
        files = (path for path in folder.rglob("*") if _NAMES.search(path.name))
        for _, path in zip(range(MAX_FILES), files, strict=False):
            try:
                if path.is_file() and path.stat().st_size <= MAX_BYTES:
                    yield from _secrets(path.read_bytes())
            except OSError:
                continue


def _secrets(data: bytes) -> Iterator[str]:
    text = _PUBLIC.sub("", data.decode("utf-8", "surrogateescape"))
    yield text.strip()
    for line in text.splitlines():
        if len(line.strip()) >= SHORTEST_LINE and not line.startswith("-----"):
            yield line.strip()
