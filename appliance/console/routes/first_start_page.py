"""The page of the first start: one step at a time, with the settings pages' own forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from appliance.console.access import Caller, DeviceManager
from appliance.console.first_start_wording import STATES, STEPS
from appliance.console.language import spoken
from appliance.console.page import page
from appliance.console.routes.account_pages import accounts_context
from appliance.console.routes.pages import certificate_context, device_context, platform_context
from appliance.console.routes.system_pages import box_context, network_context
from appliance.console.state import Console, console
from appliance.monitoring.policy import Permission
from appliance.provisioning.first_start.steps import Overview, Step

router = APIRouter(include_in_schema=False)

PARTS: dict[Step, tuple[list[str], list[str]]] = {
    Step.NAME: (["box"], []),
    Step.NETWORK: (["network"], []),
    Step.TIME: (["box"], []),
    Step.CERTIFICATE: (["certificate"], ["certificate"]),
    Step.PLATFORM: (["platform"], []),
    Step.HEADSET: (["checks"], ["checks"]),
    Step.PANEL: (["panel", "checks"], ["panel", "checks"]),
    Step.SUPERVISOR: (["entries"], ["accounts"]),
}
"""The scripts and the sheets of a step."""


@router.get("/first-start")
async def first_start(
    request: Request,
    caller: DeviceManager,
    step: Step | None = None,
    device: str = "",
    saved: bool = False,
    done: str = "",
) -> HTMLResponse:
    """A step, by default the first that is open; at the end what was verified.

    *device*, *saved* and *done* are as the settings pages have them, whose forms are here.
    """
    state = console(request)
    overview = await state.ports.first_start.look(caller.account.name)
    shown = (step or overview.next) if overview.unfinished else None
    parts, styles = PARTS.get(shown, ([], [])) if shown else ([], [])
    context = {
        "overview": overview,
        "step": shown,
        "titles": STEPS,
        "step_states": STATES,
        "told": lambda words: spoken().of(words) or words,
        "step_parts": parts,
        "step_helpers": _helpers(parts),
        "step_styles": styles,
        "asks": True,
        "zone_only": shown is Step.NAME,
        "saved": saved,
        **_place(overview, shown),
        **await _form(state, caller, shown, device, done),
    }
    return page(request, caller, "first_start.html", context)


def _helpers(parts: list[str]) -> list[str]:
    """The scripts that those of a form import."""
    if not parts or parts == ["checks"]:
        return []
    return ["next_life", "settings_form", "steps"] if "platform" in parts else ["settings_form"]


def _place(overview: Overview, shown: Step | None) -> dict[str, Any]:
    steps = [one.step for one in overview.steps]
    at = steps.index(shown) if shown else 0
    return {"number": at + 1, "before": steps[at - 1] if at else None}


async def _form(
    state: Console, caller: Caller, step: Step | None, device: str, done: str
) -> dict[str, Any]:
    """What the step's form shows."""
    forms: dict[Step, Callable[[], Awaitable[dict[str, Any]]]] = {
        Step.NAME: lambda: box_context(state),
        Step.NETWORK: lambda: network_context(state, device),
        Step.TIME: lambda: box_context(state),
        Step.CERTIFICATE: lambda: certificate_context(state, done),
        Step.PLATFORM: lambda: platform_context(state),
        Step.PANEL: lambda: device_context(state),
    }
    if step is Step.SUPERVISOR:
        may = caller.may(Permission.MANAGE_ACCOUNTS)
        return {"may_manage": may} | (await accounts_context(state) if may else {})
    return await forms[step]() if step in forms else {}
