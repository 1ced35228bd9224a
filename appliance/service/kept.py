"""Models that are kept as JSON in files of the box's own, and how they are read again."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from appliance.service.faults import by_field

Kept = TypeVar("Kept", bound=BaseModel)

MOST_FAULTS = 5
"""Told at once."""


class KeptError(Exception):
    """What is kept cannot be used; its words go on after the file's name, without a full stop."""


class DamagedError(KeptError):
    """It can be read, and is not what was written."""


def read_kept(path: Path, model: type[Kept], most: int) -> Kept | None:
    """The *model* in the file at *path*, of *most* bytes; None where there is no file.

    Waits for the disk. Raises `KeptError`; what is in the file, maybe a secret, is not repeated.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeptError(f"cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise DamagedError(f"is larger than {most} bytes")
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        faults = by_field(error.errors(include_url=False, include_input=False)[:MOST_FAULTS])
        wrong = " ".join(f"{name}: {words}" for name, words in faults.items())
        raise DamagedError(f"is not right. {wrong}".rstrip(".")) from error
