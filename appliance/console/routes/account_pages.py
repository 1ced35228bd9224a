"""The pages of accounts: one's own, and everybody's for those who manage them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from appliance.console.access import AccountManager, SignedIn
from appliance.console.account_views import (
    MAX_DAYS,
    USUAL_DAYS,
    ManagedAccountOut,
    RoleOut,
    TokenOut,
)
from appliance.console.account_wording import PERMISSIONS
from appliance.console.page import page
from appliance.console.routes.account_access import list_sign_ins
from appliance.console.state import Console, console
from appliance.console.wording import PLATFORMS

router = APIRouter(include_in_schema=False)


@router.get("/account")
async def own(request: Request, caller: SignedIn) -> HTMLResponse:
    """One's own password, tokens and sign-ins."""
    state = console(request)
    tokens = await state.ports.manager.tokens(caller.account.name)
    context = {
        "tokens": [TokenOut.of(token) for token in tokens],
        "sign_ins": list_sign_ins(state, caller, caller.account),
        "grantable": [p for p in PERMISSIONS if caller.may(p)],
        "permissions": PERMISSIONS,
        "days": USUAL_DAYS,
        "max_days": MAX_DAYS,
    }
    return page(request, caller, "account.html", context)


@router.get("/settings/accounts")
async def accounts(request: Request, caller: AccountManager) -> HTMLResponse:
    """All accounts and roles."""
    return page(request, caller, "accounts.html", await accounts_context(console(request)))


async def accounts_context(state: Console) -> dict[str, Any]:
    """What the forms of accounts and roles show."""
    ports = state.ports
    return {
        "accounts": [ManagedAccountOut.of(record) for record in await ports.manager.all()],
        "roles": [RoleOut.of(role) for role in await ports.roles.all()],
        "permissions": PERMISSIONS,
        "platform": ports.choice.now.settings.driver,
        "platforms": PLATFORMS,
        "openid_label": ports.openid.settings.label,
    }
