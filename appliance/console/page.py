"""A page for somebody who is signed in: its template, with what all pages show."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from appliance.console import certificate_wording, wording
from appliance.console.access import Caller
from appliance.console.hub import sees_calls
from appliance.console.menu import HEALTH, menu_of
from appliance.console.state import Console, console
from appliance.control_link.words import Audience
from appliance.monitoring.policy import Permission
from appliance.platforms.protocol import Capability

ROWS = 20
"""Of a list on a page: a screen full, which a small computer draws in half the time of two."""


def page(request: Request, caller: Caller, template: str, context: dict[str, Any]) -> HTMLResponse:
    """Render *template* with *context* and with what `app.html` shows to *caller*."""
    state = console(request)
    return state.page(request, template, _common(state, caller) | context)


def _common(state: Console, caller: Caller) -> dict[str, Any]:
    return {
        "account": caller.account,
        "bar": menu_of(caller.account, "bar", first_start=state.ports.first_start.now.unfinished),
        "settings_menu": menu_of(caller.account, "settings"),
        "person_menu": menu_of(caller.account, "person"),
        "counts": {HEALTH: len(state.ports.health.findings())},
        "sees_calls": sees_calls(caller.account),
        "may_listen": caller.may(Permission.MONITOR_ALL_CALLS),
        "audiences": _audiences(state, caller),
        "terms": state.ports.monitoring.terms,
        "words": wording.for_browser(),
        "snapshot": lambda: json.loads(state.hub.snapshot_for(caller.account).model_dump_json()),
        "certificate_note": _certificate_note(state, caller),
    }


def _certificate_note(state: Console, caller: Caller) -> str:
    """That it ends soon, to those who can see to it; empty while all is well."""
    keeper = state.ports.certificates
    tells = state.settings.secure and keeper.ends_soon() and caller.may(Permission.MANAGE_DEVICE)
    return certificate_wording.ends_in(keeper.expires_s()) if tells else ""


def _audiences(state: Console, caller: Caller) -> list[Audience]:
    """Who may hear the caller on this platform."""
    capable = state.ports.platform.capabilities
    may_barge = caller.may(Permission.BARGE_ALL_CALLS) and Capability.BARGE in capable
    may_coach = caller.may(Permission.COACH_ALL_CALLS) and Capability.COACH in capable
    choices = ((Audience.EVERYONE, may_barge), (Audience.AGENT, may_coach))
    return [audience for audience, allowed in choices if allowed]
