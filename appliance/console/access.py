"""Who may do what: every route names its permission through one dependency, or is PUBLIC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from pydantic import JsonValue

from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.console.web_sessions import COOKIE
from appliance.control_link.words import EndReason
from appliance.monitoring.accounts import SignInError
from appliance.monitoring.audit import Entry
from appliance.monitoring.policy import Account, Permission

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-bargebox"


@dataclass(frozen=True, slots=True)
class Caller:
    """The signed-in account behind a request, and the cookie or token it came with."""

    account: Account
    secret: str
    by_token: bool

    def may(self, permission: Permission) -> bool:
        """The account holds *permission*."""
        return self.account.has(permission)

    async def still_valid(self, state: Console) -> bool:
        """The sign-in has not ended since, and may do the same; for long-lived answers."""
        now = await _account_of(state, self.secret, by_token=self.by_token)
        return now is not None and now.permissions == self.account.permissions


class Requires:
    """A route's permission: any one of those named, or just a sign-in when none is named.

    ``every`` asks for all of them instead. ``must_change_ok`` opens a route to someone who still
    has the one-time password. ``own`` opens it to the account that the path's ``name`` names: in
    person, for a token that leaked must not make others or sign its owner out.
    """

    def __init__(
        self,
        *any_of: Permission,
        every: bool = False,
        must_change_ok: bool = False,
        own: bool = False,
    ) -> None:
        self.any_of = any_of
        self.every = every
        self.must_change_ok = must_change_ok
        self.own = own

    async def __call__(self, request: Request) -> Caller:
        """The caller. Raises ConsoleError 401 or 403."""
        caller = await find_caller(request)
        if caller is None:
            raise ConsoleError(401, "not_signed_in", "Sign in first.")
        if not caller.by_token and request.method not in SAFE_METHODS:
            refuse_foreign_page(request, header_needed=True)
        if caller.account.must_change_password and not caller.by_token and not self.must_change_ok:
            raise ConsoleError(
                403, "must_change_password", "Change the one-time password first, on the page."
            )
        # As it is written, and not as a database might compare it: it is a permission.
        if self.own and not caller.by_token and request.path_params["name"] == caller.account.name:
            return caller
        if not self.lets_in(caller.account):
            names = (" and " if self.every else " or ").join(self.any_of)
            if request.method not in SAFE_METHODS:
                note_refusal(request, caller, names)
            raise ConsoleError(403, EndReason.NOT_PERMITTED, f"You need the permission {names}.")
        return caller

    def lets_in(self, account: Account) -> bool:
        """Whether the account's permissions are enough."""
        enough = all if self.every else any
        return not self.any_of or enough(account.has(one) for one in self.any_of)


def note_refusal(request: Request, caller: Caller, needed: str) -> None:
    """Somebody tried to do what they may not; of the same again and again a row a minute."""
    state, route = console(request), request.scope.get("route")
    tried = f"{request.method} {getattr(route, 'path', '')}"
    if not state.told_lately.first((caller.account.name, tried)):
        return
    detail: dict[str, JsonValue] = {
        "request": f"{request.method} {request.url.path}",
        "needed": needed,
    }
    entry = Entry(caller.account.name, "permission_refused", detail=detail)
    state.ports.audit.note(entry)


class Public:
    """Marks a route that anybody on the network may use."""

    async def __call__(self) -> None:
        """Nothing to check."""


PUBLIC = Depends(Public())
SignedIn = Annotated[Caller, Depends(Requires())]
SignedInOrNew = Annotated[Caller, Depends(Requires(must_change_ok=True))]
Viewer = Annotated[
    Caller,
    Depends(Requires(Permission.VIEW_ALL_MONITORED_CALLS, Permission.MONITOR_ALL_CALLS)),
]
Listener = Annotated[Caller, Depends(Requires(Permission.MONITOR_ALL_CALLS))]
PanelViewer = Annotated[
    Caller,
    Depends(Requires(Permission.MONITOR_ALL_CALLS, Permission.MANAGE_DEVICE)),
]
DeviceManager = Annotated[Caller, Depends(Requires(Permission.MANAGE_DEVICE))]
AccountManager = Annotated[Caller, Depends(Requires(Permission.MANAGE_ACCOUNTS))]
OwnerOrManager = Annotated[Caller, Depends(Requires(Permission.MANAGE_ACCOUNTS, own=True))]
Owner = Annotated[
    Caller, Depends(Requires(Permission.MANAGE_DEVICE, Permission.MANAGE_ACCOUNTS, every=True))
]
"""Who may do away with all of it."""
AuditViewer = Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]


async def find_caller(request: Request) -> Caller | None:
    """Who asks: by bearer token (RFC 6750) if there is one, by cookie otherwise."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    by_token = scheme.lower() == "bearer"
    secret = token.strip() if by_token else request.cookies.get(COOKIE, "")
    if not secret:
        return None
    state = console(request)
    account = await _account_of(state, secret, by_token=by_token)
    if account is None:
        return None
    state.visitors.vouch(request.client)
    return Caller(account, secret, by_token)


async def _account_of(state: Console, secret: str, *, by_token: bool) -> Account | None:
    accounts = state.ports.accounts
    if by_token:
        try:
            return await accounts.verify_token(secret)
        except SignInError:
            return None
    session = state.sessions.use(secret)
    if session is None:
        return None
    account = await accounts.get(session.account)
    if account is None or not session.is_of(account):
        state.sessions.close(secret)
        return None
    return account


def refuse_foreign_page(request: Request, *, header_needed: bool) -> None:
    """Raise 403 for a change that another web page made the browser send (CSRF).

    A browser tells the page's origin; one that does not must send our own header, which no
    foreign page can add without a permission that this server never gives (no CORS).
    """
    origin = request.headers.get("origin")
    if origin is not None:
        own = urlsplit(origin).netloc == request.headers.get("host", "")
    else:
        own = CSRF_HEADER in request.headers or not header_needed
    if not own or request.headers.get("sec-fetch-site", "same-origin") == "cross-site":
        raise ConsoleError(403, "foreign_origin", "This request does not come from the box's page.")
