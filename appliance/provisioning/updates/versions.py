"""Which of two versions is the newer one (Semantic Versioning 2.0.0, section 11)."""

from __future__ import annotations

import re
from typing import Final, Literal

Age = Literal["newer", "same", "older", "unknown"]

_VERSION: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
MOST: Final = 64
"""Characters of a version that is looked at."""

Key = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def age_of(version: str, running: str) -> Age:
    """How *version* stands to the one that is *running*; unknown where either is no version."""
    if version and version == running:
        return "same"
    one, other = _key(version), _key(running)
    if one is None or other is None:
        return "unknown"
    return "same" if one == other else "newer" if one > other else "older"


def _key(version: str) -> Key | None:
    match = _VERSION.fullmatch(version.strip()) if len(version) <= MOST else None
    if match is None:
        return None
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()  # 1.2 is 1.2.0
    parts = match[2].split(".") if match[2] else []
    before = tuple((not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts)
    return tuple(numbers), not parts, before  # without a word behind it, it is the release
