"""The shapes in which updates are shown and told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from appliance.provisioning.updates.rauc import Now, Slot
from appliance.provisioning.updates.sticks import StickBundle
from appliance.provisioning.updates.versions import Age

Operation = Literal["idle", "uploading", "inspecting", "installing"]
Step = Literal["checking", "writing", "finishing"]
Source = Literal["upload", "stick", "server"]


class Outcome(BaseModel):
    """How an installation ended."""

    installed: bool
    version: str
    """Empty where nobody knows, as of one that was begun at a terminal."""
    code: str = ""
    """Why it failed."""
    words: str = ""
    """The same for people."""


class Progress(BaseModel):
    """What is being done with an update at this moment."""

    operation: Operation = "idle"
    percent: int = 0
    """Of the installation, 0 to 100."""
    step: Step | None = None
    """How far an installation is."""
    words: str = ""
    """RAUC's own for it."""
    version: str = ""
    """The one that is being installed; empty where nobody on the page began it."""
    outcome: Outcome | None = None
    """Of the last installation since control began."""


class SlotView(BaseModel):
    """One of the places that hold the box's software."""

    name: str
    bootname: str
    version: str
    """Empty where the software came with the card."""
    description: str
    installed_at: str
    booted: bool
    """It runs now."""
    next: bool
    """The box starts from it next time."""
    good: bool
    """It started well, or was just written."""


class BundleView(BaseModel):
    """A bundle that was looked at: it is signed, and for this box."""

    source: Source
    name: str
    """The file's name, or the address."""
    size: int | None
    """Bytes; null for one on a server."""
    compatible: str
    version: str
    description: str
    age: Age
    """How it stands to the version that runs."""


class UpdatesView(BaseModel):
    """All about updates."""

    managed: bool
    """False where nothing can be updated here; ``detail`` says why."""
    detail: str = ""
    version: str
    """The one that runs."""
    compatible: str = ""
    """The kind of box, which an update must be for."""
    slots: list[SlotView] = []
    progress: Progress = Progress()
    bundle: BundleView | None = None
    """The one that is chosen."""
    sticks: list[StickBundle] = []
    """Bundles on USB sticks."""
    restart_to: str = ""
    """The version that a restart would bring; empty while the box runs what it would start."""
    largest: int = 0
    """Bytes that an uploaded bundle may have."""


def slot_view(slot: Slot, next_slot: str) -> SlotView:
    """For people."""
    return SlotView(
        name=slot.name,
        bootname=slot.bootname,
        version=slot.version,
        description=slot.description,
        installed_at=slot.installed_at,
        booted=slot.booted,
        next=slot.name == next_slot,
        good=slot.good and slot.whole,
    )


def step_of(now: Now) -> Step:
    """How far an installation is, from RAUC's words for it."""
    words = now.words.lower()
    if now.percent >= 99 and "done" in words:
        return "finishing"
    return "writing" if words.startswith(("updating", "copying", "checking slot")) else "checking"
