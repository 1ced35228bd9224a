"""Sign-in, sign-out, change of password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from appliance.console.access import PUBLIC, SignedInOrNew, refuse_foreign_page
from appliance.console.device_cookies import LASTS_S, PATH, cookie_name
from appliance.console.session_cookie import address_of, browser_in, set_session_cookie
from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.console.views import AccountOut
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.accounts import AccountError, SignInError
from appliance.monitoring.policy import Account

router = APIRouter(tags=["session"])

Password = Annotated[
    SecretStr, Field(min_length=1, max_length=256, examples=["the password in use"])
]


class SignIn(BaseModel):
    """Name and password."""

    model_config = ConfigDict(extra="forbid")
    user: Annotated[str, Field(min_length=1, max_length=128, examples=["sam"])]
    password: Password


class PasswordChange(BaseModel):
    """The password in use and the new one."""

    model_config = ConfigDict(extra="forbid")
    old: Password
    new: Annotated[Password, Field(examples=["another long password"])]


@router.post("/session", status_code=201, dependencies=[PUBLIC])
async def sign_in(request: Request, response: Response, body: SignIn) -> AccountOut:
    """Sign in: sets the cookie, and one by which the browser is known at the next sign-in."""
    refuse_foreign_page(request, header_needed=False)
    state = console(request)
    address = address_of(request)
    device = state.devices.known(request.cookies, body.user)
    try:
        account = await _checked(state, body, address, device)
    except (ConsoleError, SignInError) as error:
        state.refused.add(body.user, address, error.code)
        raise
    state.counters.sign_ins += 1
    state.visitors.vouch(request.client)
    told: dict[str, JsonValue] = {
        "address": address,
        "browser": browser_in(request),
        "known_browser": device is not None,
    }
    await state.ports.manager.signed_in(account, told)
    _set_cookies(request, response, account, device)
    await state.kept_sign_ins.keep()
    return _out(account)


async def _checked(state: Console, body: SignIn, address: str, device: str | None) -> Account:
    """The account, after the brake let the attempt pass; only then anything is hashed."""
    # Counted before the check, so that many at once cannot slip through together.
    attempt = state.brake.admit(body.user, address, device)
    lane = state.checking if attempt.device is None else state.checking_known
    if lane.locked():
        state.brake.take_back(attempt, hashed=False)
        raise ConsoleError(429, "busy", "Others are signing in. Try again.", retry_after=1)
    async with lane:
        try:
            account = await state.ports.accounts.sign_in(
                body.user, body.password.get_secret_value()
            )
        except SignInError as error:
            if error.code != SignInError.code:  # the password was not looked at, or was right
                state.brake.take_back(attempt, hashed=error.code != "busy")
            state.counters.sign_in_failures += 1
            raise
    state.brake.take_back(attempt, hashed=True)
    return account


@router.get("/session")
async def who(caller: SignedInOrNew) -> AccountOut:
    """Who is signed in."""
    return _out(caller.account)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, response: Response, caller: SignedInOrNew) -> None:
    """Sign out. A token stays valid; tokens are revoked, not signed out."""
    if not caller.by_token:
        state = console(request)
        state.sessions.close(caller.secret)
        response.delete_cookie(COOKIE)
        await state.kept_sign_ins.keep()


@router.put("/session/password", status_code=204)
async def change_password(
    request: Request, response: Response, caller: SignedInOrNew, body: PasswordChange
) -> None:
    """Change one's own password; every other browser of the account is signed out."""
    state = console(request)
    key = ("change", caller.account.name)
    state.throttle.check(key)
    state.throttle.failed(key)
    try:
        account = await state.ports.accounts.change_password(
            caller.account.name, body.old.get_secret_value(), body.new.get_secret_value()
        )
    except SignInError as error:
        if error.code != SignInError.code:
            state.throttle.took_back(key)  # the password was not looked at
            raise
        state.refused.add(caller.account.name, address_of(request), "wrong_old_password")
        # 401 would say that the caller is not signed in.
        raise ConsoleError(403, error.code, "The password in use is not right.") from error
    except AccountError:
        state.throttle.took_back(key)  # the old one was right
        raise
    state.throttle.took_back(key)
    state.sessions.close_account(account.name)
    if not caller.by_token:
        device = state.devices.known(request.cookies, account.name)
        _set_cookies(request, response, account, device)
    await state.kept_sign_ins.keep()


def _set_cookies(
    request: Request, response: Response, account: Account, device: str | None
) -> None:
    state = console(request)
    set_session_cookie(request, response, account)
    response.set_cookie(
        cookie_name(account.name),
        state.devices.issue(account.name, device),
        max_age=LASTS_S,
        httponly=True,
        samesite="strict",
        secure=state.settings.secure,
        path=PATH,
    )


def _out(account: Account) -> AccountOut:
    return AccountOut(
        user=account.name,
        permissions=sorted(str(p) for p in account.permissions),
        must_change_password=account.must_change_password,
    )
