"""The one-time password of the first start: on the terminal, or in a file until it is changed.

Never in a log, which is kept, forwarded and put into bundles; under systemd standard output is one.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from appliance.monitoring.accounts import FIRST_ACCOUNT
from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole

log = logging.getLogger(__name__)


class FirstPasswordError(BargeboxError):
    """The one-time password cannot be told to anybody."""

    code = "state"


class FirstPassword:
    """Tells it once. The file at *path* must outlast a power cut, as the account does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def tell(self, password: str) -> None:
        """Print it where somebody sits, else write it. Raises `FirstPasswordError`."""
        if sys.stdout.isatty():
            await self.forget()  # one of an account that is no more
            print(
                f"\nFirst start. Sign in as {FIRST_ACCOUNT} with the one-time password {password}\n"
                "and choose your own.\n",
                flush=True,
            )
            return
        await asyncio.to_thread(self._write, password)
        log.info("first start: sign in as %s with the password in %s", FIRST_ACCOUNT, self._path)

    async def forget(self) -> None:
        """Delete the file, if there is one; a disk that fails is only logged."""
        await asyncio.to_thread(self._delete)

    def _write(self, password: str) -> None:
        try:
            write_whole(self._path, f"{password}\n".encode())
        except OSError as error:
            raise FirstPasswordError(
                f"The one-time password cannot be written to {self._path}: {error.strerror}."
            ) from error

    def _delete(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s is used up and cannot be deleted: %s", self._path, error.strerror)
