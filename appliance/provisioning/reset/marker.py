"""The order of a factory reset, on the disk: from then on no start of control goes on as before."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from appliance.provisioning.reset.made import MARKER
from appliance.service.errors import BargeboxError
from appliance.service.files import settle, write_whole
from appliance.service.kept import DamagedError, KeptError, read_kept

log = logging.getLogger(__name__)

MAX_BYTES: Final = 8192


class Ordered(BaseModel):
    """Where the audit log ended when the reset was ordered."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    seq: int = 0
    hash: str = ""


class Marker:
    """The file in *state_dir*. Its methods wait for the disk; all raise `BargeboxError`."""

    def __init__(self, state_dir: Path) -> None:
        self.folder, self._path = state_dir, state_dir / MARKER

    def read(self) -> Ordered | None:
        """The order; None where there is none. One that is there and damaged is one all the same:
        it is written whole, so that somebody else damaged it.
        """
        try:
            return read_kept(self._path, Ordered, MAX_BYTES)
        except DamagedError as error:
            log.warning("%s %s; the factory reset is done all the same", self._path, error)
            return Ordered()
        except KeptError as error:
            raise self._failed(f"{MARKER} {error}") from error

    def write(self, ordered: Ordered) -> None:
        """Order it; whoever owns the folder can carry it out. What cannot be kept is no order."""
        try:
            write_whole(self._path, ordered.model_dump_json().encode(), like=self.folder)
            settle(self.folder)
        except OSError as error:
            with suppress(OSError):  # else a start would do what was just refused
                self._path.unlink(missing_ok=True)
            raise self._failed(error.strerror) from error

    def remove(self) -> None:
        """It is done."""
        try:
            settle(self.folder)
            self._path.unlink(missing_ok=True)
            settle(self.folder)
        except OSError as error:
            raise self._failed(error.strerror) from error

    def _failed(self, why: str | None) -> BargeboxError:
        words = f"The factory reset cannot be done in {self.folder}: {why}."
        return BargeboxError(words, code="state")
