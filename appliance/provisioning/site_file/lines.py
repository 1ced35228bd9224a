"""In which line of a TOML text a value stands.

tomlkit keeps a text as it was written. So the value is replaced by a mark, in a copy, and the mark
is looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

Where = Sequence[str | int]

_MARK: Final = "bargebox-looks-for-this-line"


def line_of(text: str, where: Where) -> int | None:
    """The line of the value at *where*, counted from 1, or of the nearest that it is within.

    None where that cannot be told.
    """
    for length in range(len(where), 0, -1):
        try:
            marked = _marked(text, where[:length])
        except (TOMLKitError, LookupError, TypeError, ValueError, AttributeError):
            continue  # it is not there, which may be what is wrong with it
        before, mark, _ = marked.partition(_MARK)
        if mark:
            return before.count("\n") + 1
    return None


def _marked(text: str, where: Where) -> str:
    document: Any = tomlkit.parse(text)
    within = document
    for step in where[:-1]:
        within = within[step]
    _mark(within, where[-1])
    return tomlkit.dumps(document)


def _mark(within: Any, step: str | int) -> None:
    """Put the mark where the value begins."""
    value = within[step]
    if isinstance(value, AoT):
        value = value[0]
    if isinstance(value, Table) and value.is_super_table():
        _mark(value, next(iter(value)))  # it has no line of its own
    elif isinstance(value, Table):
        value.comment(_MARK)
    else:
        within[step] = _MARK
