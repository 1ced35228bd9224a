"""The cookie of somebody who has just signed in, however they did."""

from __future__ import annotations

from fastapi import Request, Response

from appliance.console.browsers import browser_of
from appliance.console.state import console
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.policy import Account


def address_of(request: Request) -> str:
    """Where the request comes from."""
    return request.client.host if request.client else ""


def browser_in(request: Request) -> str:
    """The browser in two words; empty where it does not say."""
    return browser_of(request.headers.get("user-agent", ""))


def set_session_cookie(request: Request, response: Response, account: Account) -> None:
    """Sign *account* in, in the browser that asks."""
    state = console(request)
    cookie = state.sessions.open(account, address=address_of(request), browser=browser_in(request))
    response.set_cookie(
        COOKIE,
        cookie,
        httponly=True,
        samesite="strict",
        secure=state.settings.secure,
        path="/",
    )
