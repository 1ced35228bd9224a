"""How far the logs were sent, over a restart of control."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from appliance.service.files import write_whole
from appliance.service.kept import KeptError, read_kept

log = logging.getLogger(__name__)

MAX_BYTES: Final = 8192


class Position(BaseModel):
    """The last line of the journal and the last row of the audit log that were sent."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    cursor: str = ""
    audit: int | None = None


class PositionFile:
    """The file at *path*. Its methods wait for the disk and never fail: what is not known is told
    again, or from now on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Position:
        """The last one that was kept."""
        try:
            return read_kept(self._path, Position, MAX_BYTES) or Position()
        except KeptError as error:
            log.warning("%s %s", self._path, error)
            return Position()

    def write(self, position: Position) -> None:
        """Keep it."""
        try:
            write_whole(self._path, position.model_dump_json().encode())
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error)
