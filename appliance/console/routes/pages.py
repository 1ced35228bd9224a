"""The pages. They show what the API says and change things only through it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from appliance.console import wording
from appliance.console.access import (
    PUBLIC,
    Caller,
    DeviceManager,
    PanelViewer,
    SignedIn,
    SignedInOrNew,
    Viewer,
    find_caller,
)
from appliance.console.hub import sees_calls
from appliance.console.platform_form import sections
from appliance.console.routes.interactions import ListQuery, list_for
from appliance.console.state import Console, console
from appliance.console.views import DeviceOut, PlatformOut
from appliance.control_link.words import Audience
from appliance.monitoring.policy import Permission
from appliance.platforms.protocol import Capability

router = APIRouter(include_in_schema=False)

COLUMNS = [
    ("agent", "Agent"),
    ("customer", "Customer"),
    ("queue", "Queue"),
    ("flow", "Flow"),
    ("contact_point", "Contact point"),
    ("direction", "Direction"),
    ("state", "State"),
    ("started_at", "Elapsed"),
]


@router.get("/")
async def home(caller: SignedIn) -> RedirectResponse:
    """To the page that is most use to the account."""
    return RedirectResponse("/interactions" if sees_calls(caller.account) else "/panel", 303)


@router.get("/sign-in", dependencies=[PUBLIC])
async def sign_in(request: Request) -> Response:
    """The sign-in page."""
    if await find_caller(request) is not None:
        return RedirectResponse("/", 303)
    return console(request).page(request, "sign_in.html", {})


@router.get("/change-password")
async def change_password(request: Request, caller: SignedInOrNew) -> HTMLResponse:
    """The form that a new account meets first."""
    return _page(request, caller, "change_password.html", {})


@router.get("/interactions")
async def interactions(
    request: Request, caller: Viewer, query: Annotated[ListQuery, Query()]
) -> HTMLResponse:
    """Interaction Monitoring."""
    state = console(request)
    context = _list(state, caller, query) | {"facets": state.ports.book.facets()}
    return _page(request, caller, "interactions.html", context)


@router.get("/interactions/list")
async def interaction_list(
    request: Request, caller: Viewer, query: Annotated[ListQuery, Query()]
) -> HTMLResponse:
    """Only the list, for the page to put in place."""
    response = _page(request, caller, "_list.html", _list(console(request), caller, query))
    response.headers["HX-Push-Url"] = "/interactions" + _search(query)
    return response


@router.get("/panel")
async def panel(request: Request, caller: PanelViewer) -> HTMLResponse:
    """The box with its lamps and buttons."""
    device = DeviceOut.of(console(request).ports.monitoring.device())
    return _page(request, caller, "panel.html", {"device": device})


@router.get("/settings/platform")
async def platform(request: Request, caller: DeviceManager, saved: bool = False) -> HTMLResponse:
    """The form of the call platform's settings."""
    ports = console(request).ports
    context = {
        "chosen": ports.choice.now,
        "sections": sections(ports.choice.now.settings),
        "platform": PlatformOut.of(ports),
        "title": wording.platform(ports.choice.now.settings.driver),
        "saved": saved,
    }
    return _page(request, caller, "platform.html", context)


def _page(request: Request, caller: Caller, template: str, context: dict[str, Any]) -> HTMLResponse:
    state = console(request)
    return state.page(request, template, _common(state, caller) | context)


def _common(state: Console, caller: Caller) -> dict[str, Any]:
    capable = state.ports.platform.capabilities
    may_barge = caller.may(Permission.BARGE_ALL_CALLS) and Capability.BARGE in capable
    may_coach = caller.may(Permission.COACH_ALL_CALLS) and Capability.COACH in capable
    audiences = [
        audience
        for audience, allowed in ((Audience.EVERYONE, may_barge), (Audience.AGENT, may_coach))
        if allowed
    ]
    return {
        "account": caller.account,
        "sees_calls": sees_calls(caller.account),
        "may_listen": caller.may(Permission.MONITOR_ALL_CALLS),
        "sees_panel": caller.may(Permission.MONITOR_ALL_CALLS)
        or caller.may(Permission.MANAGE_DEVICE),
        "manages": caller.may(Permission.MANAGE_DEVICE),
        "audiences": audiences,
        "words": wording.for_browser(),
    }


def _list(state: Console, caller: Caller, query: ListQuery) -> dict[str, Any]:
    answer = list_for(state, caller, query)
    pages = max(1, -(-answer.total // query.per_page))
    if query.page > pages:
        query = query.model_copy(update={"page": pages})
        answer = list_for(state, caller, query)
    return {
        "query": query,
        "rows": answer.items,
        "total": answer.total,
        "pages": pages,
        "platform": answer.platform,
        "as_of": answer.as_of,
        "columns": COLUMNS,
    }


def _search(query: ListQuery) -> str:
    """The query string of a list, without what is as it always is."""
    values = query.model_dump(exclude_defaults=True)
    return "?" + urlencode(values) if values else ""
