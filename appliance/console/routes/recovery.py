"""A new administrator password for whoever stands at the box, confirmed at its button."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from appliance.console.access import PUBLIC, refuse_foreign_page
from appliance.console.account_views import OneTimePasswordOut
from appliance.console.box_recovery import Seen, Stage, Why
from appliance.console.recovery_request import CLAIM_S, CONFIRM_S
from appliance.console.session_cookie import address_of, browser_in
from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.monitoring.policy import ROLES, Account, Permission
from appliance.monitoring.presses import NOBODY

router = APIRouter(tags=["recovery"])
pages = APIRouter(include_in_schema=False)

COOKIE = "bargebox_recovery"
PATH = "/api/v1/recovery"
AT_THE_BOX = Account(NOBODY, "Administrator", ROLES["Administrator"])
"""Whose doing it is: nobody knows who presses the buttons."""


class RecoveryOut(BaseModel):
    """How it stands for the browser that asks; who has not asked learns no more than ``open``."""

    state: Stage
    presses: int
    """So often is the microphone button to be pressed; else 0."""
    seconds: int
    """So long does the box still wait."""
    why: Why | None
    """Why this browser's request came to nothing."""
    administrators: list[str]
    """Once it is confirmed: the accounts that can be given a new password."""


class RecoveryChoice(BaseModel):
    """The account that gets a new password."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=128, examples=["admin"])]


@pages.get("/recover", dependencies=[PUBLIC])
async def page(request: Request) -> Response:
    """The page that leads through it; there is none while the buttons were not held."""
    state = console(request)
    secret = request.cookies.get(COOKIE, "")
    if not state.recovery.is_open and state.recovery.seen_by(secret).why is None:
        return RedirectResponse("/sign-in", 303)
    return state.page(request, "recover.html", {})


@router.get("/recovery", dependencies=[PUBLIC])
async def recovery(request: Request) -> RecoveryOut:
    """How it stands."""
    state = console(request)
    return await _out(state, state.recovery.seen_by(request.cookies.get(COOKIE, "")))


@router.post("/recovery", status_code=201, dependencies=[PUBLIC])
async def ask(request: Request, response: Response) -> RecoveryOut:
    """Ask for a new password, while the box lets one be set: both buttons held for ten seconds.

    Sets a cookie. A second request closes it for both.
    """
    refuse_foreign_page(request, header_needed=True)
    state = console(request)
    told = {"address": address_of(request), "browser": browser_in(request)}
    secret = state.recovery.ask({**told})
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(CONFIRM_S + CLAIM_S) + 60,
        httponly=True,
        samesite="strict",
        secure=state.settings.secure,
        path="/",
    )
    return await _out(state, state.recovery.seen_by(secret))


@router.post("/recovery/password", dependencies=[PUBLIC])
async def set_password(
    request: Request, response: Response, body: RecoveryChoice
) -> OneTimePasswordOut:
    """Once the button was pressed as asked: a one-time password, told only here.

    The account is unlocked and signed out everywhere, and failed sign-ins count no more.
    """
    refuse_foreign_page(request, header_needed=True)
    state = console(request)
    async with state.recovering:
        state.recovery.require_confirmed(request.cookies.get(COOKIE, ""))
        names = await _administrators(state)
        found = [name for name in names if name.casefold() == body.name.strip().casefold()]
        if not found:
            raise ConsoleError(
                422, "invalid_input", "This account is no administrator's.",
                fields={"name": "Choose one of those."},
            )  # fmt: skip
        password = await state.ports.manager.reset_password(
            AT_THE_BOX, found[0], unlock=True, action="account_recovered"
        )
        state.recovery.done()
    await state.ports.accounts.forget_first_password(found[0])
    state.brake.forgive(found[0], address_of(request))
    state.sessions.close_account(found[0])
    await state.kept_sign_ins.keep()
    response.delete_cookie(COOKIE)
    return OneTimePasswordOut(password=password)


async def _out(state: Console, seen: Seen) -> RecoveryOut:
    confirmed = seen.stage is Stage.CONFIRMED
    return RecoveryOut(
        state=seen.stage,
        presses=seen.presses,
        seconds=seen.seconds,
        why=seen.why,
        administrators=await _administrators(state) if confirmed else [],
    )


async def _administrators(state: Console) -> list[str]:
    """The box's own accounts that may manage accounts, locked or not; the first one first."""
    names = [
        record.account.name
        for record in await state.ports.manager.all()
        if record.account.kind == "local" and record.account.has(Permission.MANAGE_ACCOUNTS)
    ]
    return sorted(names, key=lambda name: (name.casefold() != "admin", name))
