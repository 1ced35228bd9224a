"""The secrets of a document that was taken up: out of its text, and off its medium.

It works on FAT too: a rename there replaces as it does elsewhere.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import tomlkit
from pydantic import BaseModel, SecretStr
from tomlkit.exceptions import TOMLKitError

from appliance.service.files import settle, write_draft

ERASED: Final = "(erased by the box)"
"""What stands instead. Whoever reads it leaves that value out: what the box has stays."""

Where = tuple[str | int, ...]
MODE: Final = 0o600


def secret_places(model: BaseModel) -> Iterator[Where]:
    """Where in a document the secrets are that are given in it."""
    for name in type(model).model_fields:
        yield from _within(getattr(model, name), (name,))


def _within(value: object, where: Where) -> Iterator[Where]:
    if isinstance(value, SecretStr) and value.get_secret_value():
        yield where
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _within(getattr(value, name), (*where, name))
    elif isinstance(value, tuple | list):
        for number, one in enumerate(value):
            yield from _within(one, (*where, number))


def without(text: str, places: Sequence[Where]) -> str:
    """*text* with the values at *places* erased, and the rest as it was written."""
    wanted = tomllib.loads(text)
    there = [where for where in places if _put(wanted, where)]
    try:
        document = tomlkit.parse(text)
        for where in there:
            _put(document, where)
        erased = tomlkit.dumps(document)
        if tomllib.loads(erased) == wanted:
            return erased
    except (TOMLKitError, tomllib.TOMLDecodeError, LookupError, TypeError, ValueError):
        pass
    return tomlkit.dumps(wanted)  # its comments are the smaller loss


def _put(within: Any, where: Where) -> bool:
    for step in where[:-1]:
        if isinstance(within, dict) and step not in within:
            return False
        within = within[step]
    if where[-1] not in within:
        return False  # a default of ours, and not in the text
    within[where[-1]] = ERASED
    return True


def rewrite(path: Path, text: str) -> None:
    """Replace the document, old or new and never a mix; the old one is overwritten then.

    Raises ``OSError``. What a flash medium itself keeps of it nobody can reach.
    """
    with path.open("r+b") as old:
        draft = path.with_name(f"{path.name}.new")
        write_draft(draft, text.encode(), MODE)
        draft.replace(path)
        settle(path.parent)
        _blank(old.fileno())


def shred(path: Path) -> None:
    """Overwrite and delete a file; one that is gone is good too. Raises ``OSError``."""
    try:
        with path.open("r+b") as file:
            _blank(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    settle(path.parent)


def _blank(descriptor: int) -> None:
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)
