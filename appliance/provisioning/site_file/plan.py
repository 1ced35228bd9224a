"""What a document that was found right comes to, kept until all of it is done.

From the moment that it is on the disk the box ends in the new state, whatever happens: each start
goes on with it. Its name says that it holds secrets, so that no support bundle does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from appliance.provisioning.first_start.steps import Step
from appliance.service.errors import BargeboxError
from appliance.service.files import settle, write_whole

MOST_TRIES: Final = 3
"""Starts that a part which fails is tried at."""

PartName = Literal[
    "box", "time", "authorities", "certificate", "platform", "settings", "accounts", "network",
]  # fmt: skip
PARTS: Final[tuple[PartName, ...]] = (
    "box", "time", "authorities", "certificate", "platform", "settings", "accounts", "network",
)  # fmt: skip
"""In the order in which they are applied; the network comes last, once the page is there."""


STEPS: Final[Mapping[PartName, frozenset[Step]]] = {
    "box": frozenset({Step.NAME}),
    "time": frozenset({Step.NAME, Step.TIME}),
    "certificate": frozenset({Step.CERTIFICATE}),
    "platform": frozenset({Step.PLATFORM}),
    "accounts": frozenset({Step.SUPERVISOR}),
    "network": frozenset({Step.NETWORK}),
}
"""What of the first start a part of the document sees to."""


class PlanError(BargeboxError):
    """The plan cannot be written or read."""

    code = "state"


class Outcome(BaseModel):
    """What became of one part, in words."""

    model_config = ConfigDict(frozen=True)

    part: str
    good: bool
    words: str


class Plan(BaseModel):
    """A document on its way; changes are kept by `PlanFile.keep`."""

    id: str = ""
    """Tells it from one that is made meanwhile."""
    who: str
    """In whose name, as the audit log tells it."""
    data: dict[str, Any]
    """The document."""
    source: Path | None = None
    """The file that it came from."""
    beside: tuple[str, ...] = ()
    """Files beside it with secrets in them."""
    digest: str = ""
    """Of the file as it was."""
    done: dict[PartName, Outcome] = {}
    tries: int = 0
    erased: bool = False

    def finish(self, part: PartName, outcome: Outcome) -> None:
        """That part is done, for good or not."""
        self.done[part] = outcome

    @property
    def alone(self) -> bool:
        """Nobody is at the page: it came as a file, with the password of the first step."""
        password = self.data.get("administrator", {}).get("password")
        return self.source is not None and bool(password)

    @property
    def steps(self) -> frozenset[Step]:
        """The steps of the first start that its parts see to, as far as they are done."""
        return frozenset(step for part in self.done for step in STEPS.get(part, ()))


class PlanFile:
    """The plan at *path*, for its owner alone. Its methods wait for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Plan | None:
        """The plan there is. Raises `PlanError`."""
        try:
            return Plan.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise PlanError(f"{self.path} cannot be read; delete it.") from error

    def write(self, plan: Plan) -> None:
        """Keep *plan*, over a power cut too. What root writes belongs to the box. Raises
        `PlanError`.
        """
        try:
            folder = self.path.parent
            write_whole(self.path, plan.model_dump_json().encode(), like=folder)
            settle(folder)
        except OSError as error:
            raise PlanError(f"{self.path} cannot be written: {error.strerror}.") from error

    def keep(self, plan: Plan) -> None:
        """How far *plan* has come. Raises `PlanError`, also where another was made meanwhile: that
        one comes next.
        """
        now = self.read()
        if now is None or now.id != plan.id:
            raise PlanError("Another document was given meanwhile; the box goes on with that.")
        self.write(plan)

    def delete(self, plan: Plan) -> None:
        """It is carried out. Raises as `keep` does."""
        self.keep(plan)
        try:
            self.path.unlink(missing_ok=True)
            settle(self.path.parent)
        except OSError as error:
            raise PlanError(f"{self.path} cannot be deleted: {error.strerror}.") from error


class Seen:
    """Which files were dealt with, by salted digests at *path*, and how."""

    MOST: Final = 50

    def __init__(self, path: Path) -> None:
        self._path = path

    def digest(self, text: bytes) -> str:
        """Slow to guess from, since a password may be all that is not known of a file."""
        return hashlib.scrypt(text, salt=self._salt(), n=2**14, r=8, p=1, dklen=32).hex()

    def knows(self, digest: str) -> str:
        """How that file was dealt with; empty where it was not."""
        return self._read().get(digest, "")

    def add(self, digests: Mapping[str, str]) -> None:
        """These are dealt with. Raises `PlanError`."""
        kept = {name: how for name, how in self._read().items() if name not in digests}
        lines = [f"{name} {how}\n" for name, how in (kept | dict(digests)).items()]
        self._write(f"{self._salt().hex()}\n{''.join(lines[-self.MOST :])}")

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PlanError(f"{self._path} cannot be read: {error.strerror}.") from error

    def _read(self) -> dict[str, str]:
        found = (line.partition(" ") for line in self._lines()[1:])
        return {digest: how for digest, _, how in found}

    def _salt(self) -> bytes:
        lines = self._lines()
        try:
            return bytes.fromhex(lines[0])
        except (IndexError, ValueError):
            salt = os.urandom(16)
            self._write(f"{salt.hex()}\n")
            return salt

    def _write(self, text: str) -> None:
        try:
            write_whole(self._path, text.encode(), like=self._path.parent)
            settle(self._path.parent)
        except OSError as error:
            raise PlanError(f"{self._path} cannot be written: {error.strerror}.") from error
