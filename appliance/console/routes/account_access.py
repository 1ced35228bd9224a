"""Tokens and sign-ins of an account: its own, and everybody's for those who manage accounts."""

from __future__ import annotations

import time
from datetime import timedelta

from fastapi import APIRouter, Request
from pydantic import JsonValue

from appliance.console.access import Caller, OwnerOrManager
from appliance.console.account_views import (
    NewToken,
    NewTokenOut,
    SignInList,
    SignInOut,
    TokenList,
    TokenOut,
)
from appliance.console.kept_sign_ins import ended_for_now
from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.monitoring.account_rows import new_stamp
from appliance.monitoring.audit import AuditUnwritableError
from appliance.monitoring.policy import Account

router = APIRouter(tags=["accounts"])


@router.get("/accounts/{name}/tokens")
async def tokens(request: Request, caller: OwnerOrManager, name: str) -> TokenList:
    """The account's tokens, those that ended too."""
    found = await console(request).ports.manager.tokens(name)
    return TokenList(items=[TokenOut.of(token) for token in found])


@router.post("/accounts/{name}/tokens", status_code=201)
async def create_token(
    request: Request, caller: OwnerOrManager, name: str, body: NewToken
) -> NewTokenOut:
    """Make a token; its secret is told only here."""
    token, secret = await console(request).ports.manager.create_token(
        caller.account, name, body.label, body.permissions, timedelta(days=body.days)
    )
    return NewTokenOut(token=TokenOut.of(token), secret=secret)


@router.delete("/accounts/{name}/tokens/{token_id}", status_code=204)
async def revoke_token(request: Request, caller: OwnerOrManager, name: str, token_id: int) -> None:
    """End a token at once."""
    await console(request).ports.manager.revoke_token(caller.account, name, token_id)


@router.get("/accounts/{name}/sign-ins")
async def sign_ins(request: Request, caller: OwnerOrManager, name: str) -> SignInList:
    """Where the account is signed in, last used first."""
    state = console(request)
    account = (await state.ports.manager.get(name)).account
    return SignInList(items=list_sign_ins(state, caller, account))


@router.delete("/accounts/{name}/sign-ins", status_code=204)
async def end_sign_ins(request: Request, caller: OwnerOrManager, name: str) -> None:
    """Sign the account out everywhere but in the browser that asks."""
    state = console(request)
    name = (await state.ports.manager.get(name)).account.name
    own = "" if caller.by_token or name != caller.account.name else caller.secret
    ended = state.sessions.close_account(name, keep=own)
    stamp = new_stamp()
    state.sessions.expect(own, stamp)
    try:
        await state.ports.manager.sign_out(caller.account, name, stamp, {"sign_ins": ended})
        state.sessions.restamp(own)
    except AuditUnwritableError as error:
        raise ended_for_now(error) from error
    finally:
        await state.kept_sign_ins.keep()


@router.delete("/accounts/{name}/sign-ins/{sign_in_id}", status_code=204)
async def end_sign_in(request: Request, caller: OwnerOrManager, name: str, sign_in_id: str) -> None:
    """Sign the account out in one browser."""
    state = console(request)
    name = (await state.ports.manager.get(name)).account.name
    ended = state.sessions.close_one(name, sign_in_id)
    if ended is None and state.kept_sign_ins.late:
        await state.kept_sign_ins.keep_or_tell()  # it may be the one that is asked for again
        return
    if ended is None:
        raise ConsoleError(404, "not_found", "That sign-in has ended already.")
    told: dict[str, JsonValue] = {"sign_ins": 1, "address": ended.address, "browser": ended.browser}
    await state.ports.manager.signed_out(caller.account, name, told)
    await state.kept_sign_ins.keep_or_tell()


def list_sign_ins(state: Console, caller: Caller, account: Account) -> list[SignInOut]:
    """Where the account is signed in; what ended with a password or a lock is not told."""
    current = "" if caller.by_token else state.sessions.id_of(caller.secret)
    kept = state.sessions.of_account(account.name, time.time())
    return [SignInOut.of(one, current) for one in kept if one.stamp == account.stamp]
