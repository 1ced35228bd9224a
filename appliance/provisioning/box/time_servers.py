"""The NTP servers that were chosen on the page.

systemd-timesyncd takes servers over the bus, but forgets them when it starts again; so control
keeps them and tells it anew.
"""

from __future__ import annotations

import logging
from pathlib import Path

from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole

log = logging.getLogger(__name__)

MAX_BYTES = 8192


class TimeServersFile:
    """The file at *path*, one server a line. Its methods wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        """The servers; none when none were chosen or the file cannot be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_BYTES).decode("ascii", "replace").split()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("%s cannot be read: %s", self._path, error.strerror)
            return []

    def write(self, servers: list[str]) -> None:
        """Keep *servers*. Raises `BargeboxError`."""
        try:
            write_whole(self._path, "".join(f"{one}\n" for one in servers).encode())
        except OSError as error:
            raise BargeboxError(
                f"The time servers cannot be saved to {self._path}: {error.strerror}.",
                code="state",
            ) from error
