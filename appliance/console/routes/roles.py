"""Roles: named sets of permissions."""

from __future__ import annotations

from fastapi import APIRouter, Request

from appliance.console.access import AccountManager
from appliance.console.account_views import NewRole, RoleChange, RoleList, RoleOut
from appliance.console.state import console

router = APIRouter(tags=["accounts"])


@router.get("/roles")
async def roles(request: Request, caller: AccountManager) -> RoleList:
    """Every role."""
    return RoleList(items=[RoleOut.of(role) for role in await console(request).ports.roles.all()])


@router.post("/roles", status_code=201)
async def create(request: Request, caller: AccountManager, body: NewRole) -> RoleOut:
    """Make a role."""
    made = await console(request).ports.roles.create(caller.account, body.name, body.permissions)
    return RoleOut.of(made)


@router.put("/roles/{name}")
async def change(request: Request, caller: AccountManager, name: str, body: RoleChange) -> RoleOut:
    """Other permissions, at once for everybody who has the role."""
    changed = await console(request).ports.roles.change(caller.account, name, body.permissions)
    return RoleOut.of(changed)


@router.delete("/roles/{name}", status_code=204)
async def delete(request: Request, caller: AccountManager, name: str) -> None:
    """Delete a role that no account has."""
    await console(request).ports.roles.delete(caller.account, name)
