"""The settings of the sign-in at the site's identity provider, by OpenID Connect."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from appliance.console.access import CSRF_HEADER, AccountManager
from appliance.console.language import ENGLISH
from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.openid_views import (
    OpenIdCheckOut,
    OpenIdOut,
    OpenIdStepOut,
    redirect_of,
    redirects_of,
)
from appliance.console.settings import ConsoleError
from appliance.console.state import console
from appliance.platforms.withheld import SecretNeededError, completed
from appliance.provisioning.openid.settings import OpenIdSettings

router = APIRouter(tags=["openid"])

EXAMPLE = {
    "enabled": True,
    "label": "Example Ltd",
    "issuer": "https://id.example.org",
    "client_id": "bargebox",
    "roles": [{"group": "call-centre-leads", "role": "Supervisor"}],
}
Given = Annotated[OpenIdSettings, Body(examples=[EXAMPLE])]
TYPE_AGAIN = "Give this again: the address that it is for has changed."


@router.get("/openid/settings")
async def settings(request: Request, caller: AccountManager) -> OpenIdOut:
    """The settings of the sign-in by OpenID Connect, and the addresses to register."""
    return OpenIdOut.of(console(request).ports.openid, await redirects_of(request))


@router.put("/openid/settings")
async def change(request: Request, caller: AccountManager, body: Given) -> OpenIdOut:
    """Save and use them. The secret stays when it is left out, and goes when it is empty; where
    the issuer changes, it has to be given again.
    """
    ports = console(request).ports
    wanted = _completed(ports.openid, body)
    wrong = wanted.wrong([role.name for role in await ports.roles.all()])
    if wrong:
        raise ConsoleError(422, "invalid_input", "Something in it is not right.", fields=wrong)
    await ports.openid.change(caller.account.name, wanted)
    return OpenIdOut.of(ports.openid, await redirects_of(request))


@router.post("/openid/check")
async def check(
    request: Request,
    caller: AccountManager,
    body: Annotated[OpenIdSettings | None, Body(examples=[EXAMPLE])] = None,
) -> OpenIdCheckOut:
    """Test the provider with the given settings, as `PUT` takes them, else with those in use.

    Somebody has to sign in to see that the claims are the right ones.
    """
    state = console(request)
    openid = state.ports.openid
    if state.testing_openid.locked():
        raise ConsoleError(429, "busy", "Another test is running. Try again.", retry_after=5)
    wanted = openid.settings if body is None else _completed(openid, body)
    roles = [role.name for role in await state.ports.roles.all()]
    back = redirect_of(request, request.headers.get("host", ""))
    async with state.testing_openid:
        found = await openid.check(wanted, roles, back)
    language = state.languages.get(request.headers.get(CSRF_HEADER, "en"), ENGLISH)
    steps = [
        OpenIdStepOut(
            step=one.step, passed=one.passed, detail=language.of(one.detail) or one.detail
        )
        for one in found
    ]
    return OpenIdCheckOut(passed=all(step.passed for step in steps), steps=steps)


def _completed(openid: OpenIdSignIn, body: OpenIdSettings) -> OpenIdSettings:
    try:
        return completed(body, openid.settings)
    except SecretNeededError as error:
        fields = dict.fromkeys(error.fields, TYPE_AGAIN)
        raise ConsoleError(422, error.code, error.detail, fields=fields) from error
