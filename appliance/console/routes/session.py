"""Sign-in, sign-out, change of password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from appliance.console.access import PUBLIC, SignedInOrNew, refuse_foreign_page
from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.console.views import AccountOut
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.accounts import SignInError
from appliance.monitoring.policy import Account

router = APIRouter(tags=["session"])

Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]


class SignIn(BaseModel):
    """Name and password."""

    model_config = ConfigDict(extra="forbid")
    user: Annotated[str, Field(min_length=1, max_length=128)]
    password: Password


class PasswordChange(BaseModel):
    """The password in use and the new one."""

    model_config = ConfigDict(extra="forbid")
    old: Password
    new: Password


@router.post("/session", status_code=201, dependencies=[PUBLIC])
async def sign_in(request: Request, response: Response, body: SignIn) -> AccountOut:
    """Sign in: sets the cookie."""
    refuse_foreign_page(request, header_needed=False)
    state = console(request)
    keys = ("address", request.client.host if request.client else ""), ("name", body.user)
    state.throttle.check(*keys)
    if state.checking.locked():
        raise ConsoleError(429, "busy", "Others are signing in. Try again.", retry_after=1)
    # Counted before the check, so that many at once cannot slip through together.
    state.throttle.failed(*keys)
    async with state.checking:
        try:
            account = await state.ports.accounts.sign_in(
                body.user, body.password.get_secret_value()
            )
        except SignInError:
            state.counters.sign_in_failures += 1
            raise
    state.throttle.succeeded(*keys)
    state.counters.sign_ins += 1
    state.visitors.vouch(request.client)
    _set_cookie(response, state, account)
    await state.kept_sign_ins.keep()
    return _out(account)


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
        # 401 would say that the caller is not signed in.
        raise ConsoleError(403, error.code, "The password in use is not right.") from error
    state.throttle.succeeded(key)
    state.sessions.close_account(caller.account.name)
    if not caller.by_token:
        _set_cookie(response, state, account)
    await state.kept_sign_ins.keep()


def _set_cookie(response: Response, state: Console, account: Account) -> None:
    response.set_cookie(
        COOKIE,
        state.sessions.open(account.name),
        httponly=True,
        samesite="strict",
        secure=state.settings.secure,
        path="/",
    )


def _out(account: Account) -> AccountOut:
    return AccountOut(
        user=account.name,
        permissions=sorted(str(p) for p in account.permissions),
        must_change_password=account.must_change_password,
    )
