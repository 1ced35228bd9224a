"""The panel's section of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

BoardName = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""A profile in ``hardware/boards``."""


class PanelSettings(BaseModel):
    """Which board the box is built on and how its microphone button acts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    board: BoardName = "virtual"
    """Name of a profile in ``hardware/boards``."""

    push_to_talk: bool = False
    """Holding the microphone button speaks, releasing it mutes; otherwise a press toggles."""

    boards_dir: Path | None = None
    """Where board profiles lie when not in ``hardware/boards`` next to the package."""
