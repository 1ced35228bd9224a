"""The platform that was chosen on the page, in a file of control's own.

The box's settings file belongs to root, and control may not write it. Where this one is there,
it goes before that one's section ``platform``.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from appliance.platforms.settings import PlatformSettings
from appliance.platforms.withheld import with_secrets
from appliance.service.errors import BargeboxError
from appliance.service.faults import by_field
from appliance.service.files import write_whole

log = logging.getLogger(__name__)

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
            with self._path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        if len(text) > MAX_BYTES:
            raise self._unusable(f"is larger than {MAX_BYTES} bytes")
        try:
            return PlatformSettings.model_validate_json(text)
        except ValidationError as error:
            faults = by_field(error.errors(include_url=False, include_input=False)[:5])
            wrong = " ".join(f"{name}: {words}" for name, words in faults.items())
            raise self._unusable(f"is not right. {wrong}") from error

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

    def _unusable(self, what: str) -> PlatformFileError:
        words = f"What was saved here ({self._path}) {what.rstrip('.')}. {OTHERWISE}"
        return PlatformFileError(words)
