"""Accounts, for those who manage them."""

from __future__ import annotations

from fastapi import APIRouter, Request

from appliance.console.access import AccountManager
from appliance.console.account_views import (
    AccountChange,
    AccountList,
    ManagedAccountOut,
    NewAccount,
    NewAccountOut,
    OneTimePasswordOut,
)
from appliance.console.state import console

router = APIRouter(tags=["accounts"])


@router.get("/accounts")
async def accounts(request: Request, caller: AccountManager) -> AccountList:
    """Every account."""
    records = await console(request).ports.manager.all()
    return AccountList(items=[ManagedAccountOut.of(record) for record in records])


@router.post("/accounts", status_code=201)
async def create(request: Request, caller: AccountManager, body: NewAccount) -> NewAccountOut:
    """Make an account; its one-time password is told only here."""
    record, password = await console(request).ports.manager.create(
        caller.account, body.name, body.role, body.agent_ids
    )
    return NewAccountOut(account=ManagedAccountOut.of(record), password=password)


@router.get("/accounts/{name}")
async def account(request: Request, caller: AccountManager, name: str) -> ManagedAccountOut:
    """One account."""
    return ManagedAccountOut.of(await console(request).ports.manager.get(name))


@router.put("/accounts/{name}")
async def change(
    request: Request, caller: AccountManager, name: str, body: AccountChange
) -> ManagedAccountOut:
    """Another role, other agent ids."""
    record = await console(request).ports.manager.change(
        caller.account, name, role=body.role, agent_ids=body.agent_ids
    )
    return ManagedAccountOut.of(record)


@router.delete("/accounts/{name}", status_code=204)
async def delete(request: Request, caller: AccountManager, name: str) -> None:
    """Delete an account with its tokens and sign-ins; what it did stays on record."""
    await console(request).ports.manager.delete(caller.account, name)
    await console(request).kept_sign_ins.keep()


@router.post("/accounts/{name}/password")
async def reset_password(request: Request, caller: AccountManager, name: str) -> OneTimePasswordOut:
    """A new one-time password, told only here; the account is signed out everywhere."""
    ports = console(request).ports
    password = await ports.manager.reset_password(caller.account, name)
    await ports.accounts.forget_first_password(name)
    return OneTimePasswordOut(password=password)


@router.put("/accounts/{name}/lock")
async def lock(request: Request, caller: AccountManager, name: str) -> ManagedAccountOut:
    """No sign-in, no token and no button for this account, from now on."""
    manager = console(request).ports.manager
    return ManagedAccountOut.of(await manager.set_locked(caller.account, name, locked=True))


@router.delete("/accounts/{name}/lock")
async def unlock(request: Request, caller: AccountManager, name: str) -> ManagedAccountOut:
    """The account may sign in again."""
    manager = console(request).ports.manager
    return ManagedAccountOut.of(await manager.set_locked(caller.account, name, locked=False))
