"""The platform that was chosen on the page, in a file of control's own.

The box's settings file belongs to root, and control may not write it. Where this one is there,
it goes before that one's section ``platform``.
"""

from __future__ import annotations

from pathlib import Path

from appliance.platforms.settings import PlatformSettings
from appliance.platforms.withheld import with_secrets
from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole
from appliance.service.kept import KeptError, read_kept

MAX_BYTES = 256 * 1024
OTHERWISE = "The settings file's platform is used until one is saved here again."


class PlatformFileError(BargeboxError):
    """The file cannot be read, used or written."""

    code = "platform_file"


class PlatformFile:
    """The file at *path*. Its methods wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> PlatformSettings | None:
        """The chosen platform; None when none was chosen. Raises `PlatformFileError`."""
        try:
            return read_kept(self._path, PlatformSettings, MAX_BYTES)
        except KeptError as error:
            words = f"What was saved here ({self._path}) {error}. {OTHERWISE}"
            raise PlatformFileError(words) from error

    def write(self, settings: PlatformSettings) -> None:
        """Keep *settings*, secrets included; for this user only. Raises `PlatformFileError`."""
        data = with_secrets(settings).encode()
        if len(data) > MAX_BYTES:
            raise PlatformFileError("These settings are too long to be saved; shorten the lists.")
        try:
            write_whole(self._path, data)
        except OSError as error:
            raise PlatformFileError(
                f"The platform cannot be saved to {self._path}: {error.strerror}."
            ) from error

    def delete(self) -> None:
        """Forget the choice. Raises `PlatformFileError`."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise PlatformFileError(f"{self._path} cannot be deleted: {error.strerror}.") from error
