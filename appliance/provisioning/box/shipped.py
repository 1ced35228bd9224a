"""What the box was before somebody changed it here: its name, its time zone, for a factory reset.

Nothing else knows: the system keeps only what it is now.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole
from appliance.service.kept import KeptError, read_kept

log = logging.getLogger(__name__)

NAME: Final = "shipped.json"
MAX_BYTES: Final = 8192


class Shipped(BaseModel):
    """As it was; None for what was never changed."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str | None = None
    description: str | None = None
    time_zone: str | None = None
    ntp: bool | None = None


class ShippedFile:
    """The file at *path*. Its methods wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def beside(cls, other: Path) -> Self:
        """In the folder of another of the box's files."""
        return cls(other.with_name(NAME))

    def read(self) -> Shipped:
        """What is known; nothing where the file is not there or cannot be used."""
        try:
            return read_kept(self._path, Shipped, MAX_BYTES) or Shipped()
        except KeptError as error:
            log.warning("%s %s", self._path, error)
            return Shipped()

    def keep_first(self, values: Mapping[str, str | bool]) -> None:
        """Keep those of *values* that were never kept. Raises `BargeboxError`."""
        known = self.read().model_dump(exclude_none=True)
        if values.keys() <= known.keys():
            return
        try:
            write_whole(self._path, json.dumps({**values, **known}).encode())
        except OSError as error:
            raise BargeboxError(
                f"What the box was before cannot be kept in {self._path}: {error.strerror}.",
                code="state",
            ) from error
