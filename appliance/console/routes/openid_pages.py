"""Sign-in at the site's identity provider: the browser's way there and back, and the settings."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import JsonValue

from appliance.console.access import PUBLIC, AccountManager, find_caller
from appliance.console.errors import status_of
from appliance.console.language import in_their_words, spoken
from appliance.console.openid.errors import OpenIdError
from appliance.console.openid.journey import BACK, COOKIE, LASTS_S, PATH, local_page
from appliance.console.openid.sign_in import NotAdmittedError
from appliance.console.openid_views import redirect_of, redirects_of
from appliance.console.page import page
from appliance.console.platform_form import FormField, FormGroup
from appliance.console.session_cookie import address_of, browser_in, set_session_cookie
from appliance.console.state import Console, console
from appliance.console.system_forms import form_of
from appliance.monitoring.policy import Account
from appliance.platforms.withheld import secrets_of, without_secrets
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.service.errors import BargeboxError

router = APIRouter(include_in_schema=False)

NAME = "/openid"
"""What the brake counts these sign-ins under; no account is called so."""
GUESSES = frozenset({"provider_refused", "client_refused", "openid_token"})
"""Refusals that a stranger could cause again and again, at the provider's cost."""


@router.get(PATH, dependencies=[PUBLIC])
async def leave(request: Request, to: str = "/") -> Response:
    """To the provider; the page that has the link is the box's own."""
    if await find_caller(request) is not None:
        return RedirectResponse(local_page(to), 303)
    if request.headers.get("sec-fetch-site") == "cross-site":
        return RedirectResponse("/sign-in", 303)
    state = console(request)
    # The gatekeeper let only the box's own names through.
    back = redirect_of(request, request.headers.get("host", ""))
    try:
        address, cookie = await state.ports.openid.leave(back, to)
    except OpenIdError as error:
        state.refused.add("", address_of(request), error.code)
        return _door(request, error)
    response = RedirectResponse(address, 303)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=LASTS_S,
        httponly=True,
        samesite="lax",  # the provider's page sends the browser back
        secure=state.settings.secure,
        path=PATH,
    )
    return response


@router.get(BACK, dependencies=[PUBLIC])
async def arrive(request: Request) -> Response:
    """Back from the provider: signed in, or at the door with the reason."""
    state, address = console(request), address_of(request)
    try:
        account, to = await _admitted(state, request, address)
    except BargeboxError as error:
        name = error.name if isinstance(error, NotAdmittedError) else ""
        state.counters.sign_in_failures += 1
        state.refused.add(name, address, error.code)
        response = _door(request, error)
        response.delete_cookie(COOKIE, path=PATH)
        return response
    state.counters.sign_ins += 1
    state.visitors.vouch(request.client)
    told: dict[str, JsonValue] = {
        "address": address,
        "browser": browser_in(request),
        "provider": state.ports.openid.settings.issuer,
    }
    await state.ports.manager.signed_in(account, told)
    # The browser sends no strict cookie while it comes from elsewhere: a page of the box's own
    # leads on.
    response = state.page(request, "signed_in.html", {"to": to})
    set_session_cookie(request, response, account)
    response.delete_cookie(COOKIE, path=PATH)
    await state.kept_sign_ins.keep()
    return response


async def _admitted(state: Console, request: Request, address: str) -> tuple[Account, str]:
    given = request.query_params
    if len(given.multi_items()) != len(given.keys()):
        raise OpenIdError("openid_stale")  # each at most once (RFC 6749, 3.1)
    journey = state.ports.openid.recognise(request.cookies.get(COOKIE, ""), given.get("state", ""))
    attempt = state.openid_brake.admit(NAME, address, None)
    try:
        account = await state.ports.openid.arrive(journey, dict(given))
    except BargeboxError as error:
        if error.code not in GUESSES:
            state.openid_brake.take_back(attempt, hashed=False)
        raise
    state.openid_brake.take_back(attempt, hashed=False)
    return account, journey.to


def _door(request: Request, error: BargeboxError) -> Response:
    """The sign-in page, with why the provider's way led nowhere."""
    language = spoken()
    if isinstance(error, OpenIdError):
        words = error.spoken(language)
    else:
        words = language.of(error.detail) or error.detail
    return console(request).page(
        request,
        "sign_in.html",
        {
            "openid": console(request).ports.openid.settings,
            "recovery": False,
            "problem": words,
            "to": "/",
        },
        status_of(error),
    )


@router.get("/settings/sign-in")
async def settings(request: Request, caller: AccountManager, saved: bool = False) -> HTMLResponse:
    """The form of the sign-in's settings."""
    ports = console(request).ports
    now = ports.openid.settings
    form = form_of(OpenIdSettings, without_secrets(now), list(secrets_of(now)))
    there = [role.name for role in await ports.roles.all()]
    gone = [row.role for row in now.roles if row.role not in there]
    context = {
        "openid": now,
        "saved": saved,
        "fault": in_their_words(ports.openid.fault),
        "form": [_with_roles(item, [*there, *dict.fromkeys(gone)]) for item in form],
        "later": ("name_claim", "groups_claim", "roles"),
        "redirects": await redirects_of(request),
    }
    return page(request, caller, "openid.html", context)


def _with_roles(item: FormField | FormGroup, roles: list[str]) -> FormField | FormGroup:
    """The table of groups lets one choose among *roles*."""
    if not isinstance(item, FormField) or item.name != "roles":
        return item
    choices = tuple((role, role) for role in roles)
    columns = tuple(
        replace(column, choices=choices) if column.name == "role" else column
        for column in item.columns
    )
    return replace(item, columns=columns)
