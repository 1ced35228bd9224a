"""How much memory this process takes at its most, as the kernel counts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROCESS = Path("/proc/self")


class Growth:
    """``bytes`` is known at the end."""

    bytes = 0


@contextmanager
def growth() -> Iterator[Growth]:
    """By how much the most resident memory of the block exceeds what there was before it."""
    (PROCESS / "clear_refs").write_text("5")  # the peak counts anew from here (proc(5))
    before, grown = _peak(), Growth()
    yield grown
    grown.bytes = _peak() - before


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", (PROCESS / "status").read_text())
    assert found is not None
    return int(found[1]) * 1024
