"""Settings of updates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class UpdateSettings(BaseModel):
    """Where bundles with new software come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Path("/var/cache/bargebox")
    """Where an uploaded bundle lies until it is installed; RAUC wants a disk and no tmpfs."""
    sticks: Path = Path("/run/media/bargebox")
    """Below it USB sticks are mounted; bundles (`.raucb`) are looked for two folders deep."""
    largest_mb: Annotated[int, Field(ge=1, le=100_000)] = 1024
    """Largest bundle that may be uploaded, in MB of 1,000,000 bytes."""

    @property
    def largest(self) -> int:
        """In bytes."""
        return self.largest_mb * 1_000_000
