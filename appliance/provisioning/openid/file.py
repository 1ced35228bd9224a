"""The settings of the sign-in by OpenID Connect, in a file of control's own; its secret is in it,
so it is called after that, and the support bundle leaves it out.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from appliance.platforms.withheld import with_secrets
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.service.errors import BargeboxError
from appliance.service.faults import by_field
from appliance.service.files import write_whole

log = logging.getLogger(__name__)

MAX_BYTES = 128 * 1024


class OpenIdFileError(BargeboxError):
    """The file cannot be read, used or written."""

    code = "openid_file"


class OpenIdFile:
    """The file at *path*. Its methods wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> OpenIdSettings:
        """What is kept; the defaults, thus no such sign-in, where nothing is.

        Raises `OpenIdFileError`.
        """
        try:
            with self._path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return OpenIdSettings()
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        try:
            return OpenIdSettings.model_validate_json(text)
        except ValidationError as error:
            faults = by_field(error.errors(include_url=False, include_input=False)[:5])
            wrong = " ".join(f"{name}: {words}" for name, words in faults.items())
            raise self._unusable(f"is not right. {wrong}") from error

    def write(self, settings: OpenIdSettings) -> None:
        """Keep *settings*, the secret included; for this user only. Raises `OpenIdFileError`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, with_secrets(settings).encode())
        except OSError as error:
            raise OpenIdFileError(
                f"The settings cannot be saved to {self._path}: {error.strerror}."
            ) from error

    def _unusable(self, what: str) -> OpenIdFileError:
        return OpenIdFileError(
            f"What was saved here ({self._path}) {what.rstrip('.')}. Save it here again."
        )
