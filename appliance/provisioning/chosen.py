"""What was chosen on the page of the site's and the box's own settings, in one file.

The settings file belongs to root, and control may not write it; where this one says something, it
goes before it. The leg reads it too, so it lies beside the settings file, and no secret is in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

from appliance.control_link.headset_name import HeadsetName
from appliance.monitoring.settings import MonitoringSettings, Reason, SiteWords
from appliance.panel.settings import BoardName
from appliance.service.errors import BargeboxError
from appliance.service.files import write_draft
from appliance.service.kept import KeptError, read_kept

MAX_BYTES = 64 * 1024
MODE = 0o640
"""The folder's group is both processes'."""


class ChosenFileError(BargeboxError):
    """The file cannot be read, used or written."""

    code = "chosen_settings"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SitePart(_Part):
    """What the site asks for around each call, and how long things are kept."""

    confirmation: SiteWords | None = None
    """A text that has to be confirmed before each call is monitored; empty: none."""

    ask_reason: StrictBool | None = None
    """A reason has to be given before each call is monitored; it is kept on record."""

    reasons: Annotated[tuple[Reason, ...], Field(max_length=50)] | None = None
    """The reasons to choose from, one a line; empty: any words."""

    barge_limit_s: Annotated[float, Field(ge=0, le=3600)] | None = None
    """Seconds that a supervisor is heard at most; 0: no limit."""

    history_shown: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Ended sessions that the list of interactions remembers; history itself keeps all."""

    audit_keep_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    """Days after which a row of the audit log is removed; 0: all are kept."""

    @field_validator("barge_limit_s", "history_shown", "audit_keep_days", mode="before")
    @classmethod
    def _number(cls, given: object) -> object:
        return "" if isinstance(given, bool) else given  # else false would be taken for 0

    @classmethod
    def of(cls, settings: MonitoringSettings) -> SitePart:
        """As it is in force."""
        given = settings.model_dump(include=set(cls.model_fields))
        return cls.model_validate(
            {name: value or 0 for name, value in given.items()} | _texts(given)
        )

    def over(self, settings: MonitoringSettings) -> MonitoringSettings:
        """*settings* with what is chosen here. Raises ``ValidationError``."""
        chosen: dict[str, Any] = self.model_dump(exclude_none=True)
        for name in ("barge_limit_s", "audit_keep_days"):
            if name in chosen:
                chosen[name] = chosen[name] or None
        if "reasons" in chosen:
            chosen["reasons"] = list(chosen["reasons"])
        return MonitoringSettings.model_validate(settings.model_dump() | chosen)


def _texts(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("confirmation", "ask_reason", "reasons")}


class HeadsetPart(_Part):
    """Which headset the box uses."""

    choice: HeadsetName | None = None
    """One that is named is used wherever it is plugged in, and no other."""


class PanelPart(_Part):
    """The board that the box is built on, and how its microphone button acts."""

    board: BoardName | None = None
    """The board that is in the box; ``virtual`` has its buttons on the page."""

    push_to_talk: StrictBool | None = None
    """Holding the microphone button speaks, releasing it mutes; otherwise a press toggles."""


class ChosenSettings(_Part):
    """All of it; what is None was not chosen here."""

    site: SitePart = SitePart()
    headset: HeadsetPart = HeadsetPart()
    panel: PanelPart = PanelPart()

    def merged(self, wanted: ChosenSettings) -> ChosenSettings:
        """These with what *wanted* says over them."""
        now, more = self.model_dump(exclude_none=True), wanted.model_dump(exclude_none=True)
        parts = {name: now.get(name, {}) | more.get(name, {}) for name in type(self).model_fields}
        return ChosenSettings.model_validate(parts)


class ChosenFile:
    """The file at *path*. Its methods wait for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, settings_file: Path) -> ChosenFile:
        """That of the box whose settings file this is."""
        return cls(settings_file.with_name(f"{settings_file.name}.chosen"))

    def read(self) -> ChosenSettings:
        """What was chosen; nothing where there is no file. Raises `ChosenFileError`."""
        try:
            return read_kept(self.path, ChosenSettings, MAX_BYTES) or ChosenSettings()
        except KeptError as error:
            raise ChosenFileError(
                f"What was chosen on the page ({self.path}) {error}. "
                "The settings file's own values are used."
            ) from error

    def write(self, chosen: ChosenSettings) -> None:
        """Keep *chosen*: old or new, never a mix. Raises `ChosenFileError`."""
        data = json.dumps(chosen.model_dump(exclude_none=True, mode="json"), indent=2).encode()
        draft = self.path.with_name(f"{self.path.name}.new")
        try:
            write_draft(draft, data, MODE)
            draft.chmod(MODE)  # whatever the umask, and before it counts: the leg reads it too
            draft.replace(self.path)
        except OSError as error:
            raise ChosenFileError(
                f"What was chosen cannot be saved to {self.path}: {error.strerror}."
            ) from error
