"""Whether a file has the shape of a bundle, before RAUC looks at what is in it.

A bundle is a squashfs image, its signature (CMS), and the signature's length in 8 bytes, the
highest first (RAUC's reference, Bundle Formats). RAUC checks all of it too; it only tells less of
what is wrong.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_MAGIC: Final = b"hsqs"
_USED_AT: Final = slice(40, 48)
"""Where a squashfs tells how long it is; the lowest byte first."""
_HEAD: Final = 96
_TAIL: Final = 8
_SIGNATURE_MOST: Final = 64 * 1024
_DER: Final = b"\x30"


def fault_of(path: Path) -> str:
    """The code of what is wrong with it, or nothing; waits for the disk."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            size = os.fstat(file.fileno()).st_size
            if size < _HEAD + _TAIL:
                return "not_a_bundle"
            file.seek(size - _TAIL)
            signature = int.from_bytes(file.read(_TAIL), "big")
            content = size - _TAIL - signature
            signed = 0 < signature <= _SIGNATURE_MOST and content >= _HEAD
            if signed:
                file.seek(content)
                signed = file.read(1) == _DER
    except OSError:
        return "stick_gone"
    if not head.startswith(_MAGIC):
        return "" if signed else "not_a_bundle"  # an encrypted one
    whole = int.from_bytes(head[_USED_AT], "little") <= content
    return "" if signed and whole else "bundle_cut_short"
