"""Errors of the panel."""

from __future__ import annotations

from appliance.service.errors import BargeboxError


class PanelError(BargeboxError):
    """The panel cannot be opened or reached."""

    code = "panel_fault"


class BoardError(PanelError):
    """The board profile is missing or wrong."""

    code = "wrong_board"
