"""JSON from the platform, without what could break us later."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json


def load(raw: bytes | str) -> Any:
    """The value of *raw*; raises `ValueError`. No NaN, and infinity only as a number too large.

    Halves of characters (RFC 8259 section 8.2), which could be written nowhere, become question
    marks.
    """
    text = raw.encode(errors="replace") if isinstance(raw, str) else raw
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        pass  # or perhaps with halves of characters, which the standard parser lets through
    try:
        whole = json.dumps(json.loads(text), ensure_ascii=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return from_json(whole.encode(errors="replace"), allow_inf_nan=False)
