"""The settings of the sign-in by OpenID Connect, in a file of control's own; its secret is in it,
so it is called after that, and the support bundle leaves it out.
"""

from __future__ import annotations

from pathlib import Path

from appliance.platforms.withheld import with_secrets
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.provisioning.words import said
from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole
from appliance.service.kept import KeptError, read_kept

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
            return read_kept(self._path, OpenIdSettings, MAX_BYTES) or OpenIdSettings()
        except KeptError as error:
            words = said(
                "What was saved of the sign-in at an identity provider cannot be used: {cause}. "
                "Save it again on the page “Sign-in”.",
                cause=f"{self._path} {error}",
            )
            raise OpenIdFileError(words) from error

    def write(self, settings: OpenIdSettings) -> None:
        """Keep *settings*, the secret included; for this user only. Raises `OpenIdFileError`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, with_secrets(settings).encode())
        except OSError as error:
            raise OpenIdFileError(
                f"The settings cannot be saved to {self._path}: {error.strerror}."
            ) from error
