"""Where a box keeps what it is about to do, and where it looks for documents."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.provisioning.site_file.finding import candidates, sticks
from appliance.provisioning.site_file.plan import PlanError, PlanFile, Seen
from appliance.provisioning.site_file.reading import MAX_BYTES, read_plain


@dataclass(frozen=True, slots=True)
class Places:
    """Where the box keeps what it is about to do, and where it looks for documents."""

    own: Path
    """A folder of the box's own."""
    boot: tuple[Path, ...] = ()
    media: tuple[Path, ...] = ()

    @property
    def plan(self) -> PlanFile:
        """The plan."""
        return PlanFile(self.own / "plan.secret")

    @property
    def seen(self) -> Seen:
        """Files that were dealt with."""
        return Seen(self.own / "seen")

    def found(self) -> list[Path]:
        """The documents there are, the boot partition's first. Waits for the disk."""
        return [*candidates(self.boot), *candidates(sticks(self.media))]

    def something_new(self) -> bool:
        """There is a plan, or what a power cut left of one, or a document that was not taken up.
        Waits for the disk.
        """
        if self.plan.path.exists() or any(self.own.glob("*.new")):
            return True
        return any(self._how(path) != "applied" for path in self.found())

    def _how(self, path: Path) -> str:
        """How a document was dealt with; empty where it was not, or nobody knows."""
        try:
            return self.seen.knows(self.seen.digest(read_plain(path, MAX_BYTES) or b""))
        except (OSError, PlanError):
            return ""  # whoever looks closer tells of it

    def planned_at_the_box(self) -> bool:
        """There is a plan that no start has seen yet. Waits for the disk. Raises `PlanError`."""
        plan = self.plan.read()
        return plan is not None and plan.tries == 0

    def unknown_on_sticks(self) -> set[tuple[Path, float]]:
        """Those that were never dealt with, each with when it was written. Waits for the disk."""
        found = set()
        for path in candidates(sticks(self.media)):
            with suppress(OSError):  # it is pulled out
                if self._how(path) == "":
                    found.add((path, path.stat().st_mtime))
        return found

    def is_trusted(self, path: Path) -> bool:
        """It is on the boot partition, and no stick's."""
        return path.parent in self.boot

    def begin(self) -> None:
        """Make the folder, and clear away what a power cut left. Raises `PlanError`."""
        try:
            if not self.own.exists():
                self.own.mkdir(mode=0o700, parents=True)
                if os.geteuid() == 0:  # at the box: it is control that goes on with it
                    owner = self.own.parent.stat()
                    os.chown(self.own, owner.st_uid, owner.st_gid)
            for left in self.own.glob("*.new"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise PlanError(f"{self.own} cannot be used: {error.strerror}.") from error
