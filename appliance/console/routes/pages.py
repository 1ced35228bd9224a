"""The pages. They show what the API says and change things only through it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from appliance.console import certificate_wording, wording
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
from appliance.console.certificate_views import AuthoritiesOut, CertificateOut
from appliance.console.language import later
from appliance.console.menu import home_of
from appliance.console.openid.journey import local_page
from appliance.console.page import ROWS, page
from appliance.console.platform_form import sections
from appliance.console.routes.interactions import ListQuery, list_for
from appliance.console.state import Console, console
from appliance.console.views import DeviceOut, PlatformOut
from appliance.monitoring.query import MAX_PER_PAGE

router = APIRouter(include_in_schema=False)

COLUMNS = [
    ("agent", later("Agent")),
    ("customer", later("Customer")),
    ("queue", later("Queue")),
    ("flow", later("Flow")),
    ("contact_point", later("Contact point")),
    ("direction", later("Direction")),
    ("state", later("State")),
    ("started_at", later("Elapsed")),
]


class Asked(ListQuery):
    """As the API takes it, with a page's own number of rows."""

    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] = ROWS


@router.get("/")
async def home(request: Request, caller: SignedIn) -> RedirectResponse:
    """To the page that is most use to the account."""
    first_start = console(request).ports.first_start.now.unfinished
    return RedirectResponse(home_of(caller.account, first_start=first_start), 303)


@router.get("/sign-in", dependencies=[PUBLIC])
async def sign_in(request: Request, to: str = "/") -> Response:
    """The sign-in page."""
    if await find_caller(request) is not None:
        return RedirectResponse("/", 303)
    state = console(request)
    context = {
        "openid": state.ports.openid.settings,
        "recovery": state.recovery.is_open,
        "problem": "",
        "to": local_page(to),
    }
    return state.page(request, "sign_in.html", context)


@router.get("/change-password")
async def change_password(request: Request, caller: SignedInOrNew) -> Response:
    """The form that a new account meets first."""
    if caller.account.kind != "local":
        return RedirectResponse("/account", 303)
    return page(request, caller, "change_password.html", {})


@router.get("/interactions")
async def interactions(
    request: Request, caller: Viewer, query: Annotated[Asked, Query()]
) -> HTMLResponse:
    """Interaction Monitoring."""
    state = console(request)
    context = _list(state, caller, query) | {"facets": state.ports.book.facets()}
    return page(request, caller, "interactions.html", context)


@router.get("/interactions/list")
async def interaction_list(
    request: Request, caller: Viewer, query: Annotated[Asked, Query()]
) -> HTMLResponse:
    """Only the list, for the page to put in place."""
    return page(request, caller, "_list.html", _list(console(request), caller, query))


@router.get("/panel")
async def panel(request: Request, caller: PanelViewer) -> HTMLResponse:
    """The box with its lamps and buttons."""
    context = await device_context(console(request)) | {"asks": False}
    return page(request, caller, "panel.html", context)


async def device_context(state: Console) -> dict[str, Any]:
    """What the drawing of the box shows."""
    return {"device": DeviceOut.of(state.ports.monitoring.device())}


@router.get("/settings/platform")
async def platform(request: Request, caller: DeviceManager, saved: bool = False) -> HTMLResponse:
    """The form of the call platform's settings."""
    context = await platform_context(console(request)) | {"saved": saved}
    return page(request, caller, "platform.html", context)


async def platform_context(state: Console) -> dict[str, Any]:
    """What the platform's form shows."""
    ports = state.ports
    return {
        "chosen": ports.choice.now,
        "sections": sections(ports.choice.now.settings),
        "platform": PlatformOut.of(ports),
        "title": wording.platform(ports.choice.now.settings.driver),
    }


@router.get("/settings/certificate")
async def certificate(request: Request, caller: DeviceManager, done: str = "") -> HTMLResponse:
    """The page's certificate, and the authorities that the box believes."""
    context = await certificate_context(console(request), done)
    return page(request, caller, "certificate.html", context)


async def certificate_context(state: Console, done: str) -> dict[str, Any]:
    """What the certificate's forms show; *done* is what has just been."""
    keeper, believed = state.ports.certificates, state.ports.authorities
    now_used = await CertificateOut.of(keeper, https=state.settings.secure)
    return {
        "now_used": now_used,
        "origin_words": certificate_wording.ORIGINS[now_used.origin],
        "may_go_back": not keeper.fixed and (now_used.origin == "uploaded" or now_used.fault),
        "fixed": keeper.fixed,
        "asked_for": [name for name in now_used.reached_as if "." in name and name[0].isalpha()],
        "authorities": AuthoritiesOut.of(believed),
        "done": certificate_wording.DONE.get(done, ""),
    }


def _list(state: Console, caller: Caller, query: Asked) -> dict[str, Any]:
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
        "address": _address(query),
    }


def _address(query: Asked) -> str:
    """Where the page shows that list; what is as it always is, is left out."""
    values = query.model_dump(exclude_defaults=True)
    return "/interactions" + ("?" + urlencode(values) if values else "")
