"""Every route × everybody: what the route declares, what this table says, and what it answers.

A new route needs a line here. The table is written by hand on purpose: a permission that was
declared by mistake does not change it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from appliance.console.access import Public, Requires
from appliance.console.declared import permissions
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.policy import Account
from tests.support.accounts_world import SUBSET, AccountsWorld, accounts_world
from tests.support.console_world import make_world

TABLE = """
GET    /healthz                                      A S T N K -
GET    /metrics                                      A T
GET    /static                                       A S T N K -
GET    /sign-in                                      A S T N K -
GET    /recover                                      A S T N K -
GET    /sign-in/openid                               A S T N K -
GET    /sign-in/openid/back                          A S T N K -
GET    /                                             A S T N K
GET    /change-password                              A S T N K
GET    /account                                      A S T N K
GET    /interactions                                 A S K
GET    /interactions/list                            A S K
GET    /history                                      A S K
GET    /history/list                                 A S K
GET    /history/{session_id}                         A S K
GET    /panel                                        A S T
GET    /first-start                                  A T
GET    /settings/platform                            A T
GET    /settings/certificate                         A T
GET    /settings/network                             A T
GET    /settings/box                                 A T
GET    /settings/updates                             A T
GET    /settings/logs                                A T
GET    /settings/maintenance                         A T
GET    /settings/site                                A T
GET    /settings/backup                              A
GET    /settings/accounts                            A
GET    /settings/sign-in                             A
GET    /settings/health                              A T
GET    /settings/health/list                         A T
GET    /audit                                        A
GET    /api/v1/openapi.json                          A S T N K
GET    /api/v1/health                                A T
POST   /api/v1/health/check                          A T
POST   /api/v1/health/{code}/fix                     A T
POST   /api/v1/support-bundle                        A T
POST   /api/v1/session                               A S T N K -
GET    /api/v1/session                               A S T N K
DELETE /api/v1/session                               A S T N K
PUT    /api/v1/session/password                      A S T N K
GET    /api/v1/recovery                              A S T N K -
POST   /api/v1/recovery                              A S T N K -
POST   /api/v1/recovery/password                     A S T N K -
GET    /api/v1/interactions                          A S K
GET    /api/v1/interactions/{interaction_id}         A S K
POST   /api/v1/interactions/{interaction_id}/monitor A S
GET    /api/v1/monitoring                            A S K
POST   /api/v1/monitoring/next                       A S
GET    /api/v1/monitoring/terms                      A S K
PUT    /api/v1/monitoring/microphone                 A S T
DELETE /api/v1/monitoring                            A S T
GET    /api/v1/watches                               A S
PUT    /api/v1/watches/{kind}/{target:path}          A S
DELETE /api/v1/watches/{kind}/{target:path}          A S
GET    /api/v1/events                                A S T N K
GET    /api/v1/history                               A S K
GET    /api/v1/history/export                        A S K
GET    /api/v1/history/{session_id}                  A S K
GET    /api/v1/audit                                 A
GET    /api/v1/audit/state                           A
POST   /api/v1/audit/check                           A
GET    /api/v1/audit/export                          A
GET    /api/v1/device                                A S T N K
PUT    /api/v1/device/volume                         A S T
POST   /api/v1/device/selftest                       A S T
POST   /api/v1/device/panel                          A S T
GET    /api/v1/device/check                          A S T
POST   /api/v1/device/check                          A S T
DELETE /api/v1/device/check                          A S T
POST   /api/v1/device/check/tone                     A S T
PUT    /api/v1/device/check/lamp                     A S T
GET    /api/v1/first-start                           A T
POST   /api/v1/first-start/steps/{step}              A T
POST   /api/v1/first-start/steps/{step}/set-aside    A T
POST   /api/v1/first-start/finish                    A T
GET    /api/v1/logs                                  A T
PUT    /api/v1/logs                                  A T
POST   /api/v1/logs/test                             A T
GET    /api/v1/device/restart                        A T
POST   /api/v1/device/restart                        A T
GET    /api/v1/device/factory-reset                  A
POST   /api/v1/device/factory-reset                  A
POST   /api/v1/platform/check                        A T
GET    /api/v1/platform/settings                     A T
PUT    /api/v1/platform/settings                     A T
DELETE /api/v1/platform/settings                     A T
GET    /api/v1/certificate                           A T
PUT    /api/v1/certificate                           A T
DELETE /api/v1/certificate                           A T
GET    /api/v1/certificate/request                   A T
POST   /api/v1/certificate/request                   A T
DELETE /api/v1/certificate/request                   A T
GET    /api/v1/certificate/authorities               A T
POST   /api/v1/certificate/authorities               A T
DELETE /api/v1/certificate/authorities/{fingerprint} A T
GET    /api/v1/network                               A T
PUT    /api/v1/network/{device}                      A T
POST   /api/v1/network/confirm                       A T
DELETE /api/v1/network/pending                       A T
GET    /api/v1/box                                   A T
PUT    /api/v1/box/name                              A T
PUT    /api/v1/box/clock                             A T
GET    /api/v1/box/time-zones                        A T
GET    /api/v1/updates                               A T
POST   /api/v1/updates/bundle                        A T
PUT    /api/v1/updates/bundle                        A T
DELETE /api/v1/updates/bundle                        A T
POST   /api/v1/updates/install                       A T
PUT    /api/v1/updates/next                          A T
POST   /api/v1/updates/restart                       A T
GET    /api/v1/settings                              A T
PUT    /api/v1/settings                              A T
POST   /api/v1/settings/export                       A
POST   /api/v1/settings/apply                        A
POST   /api/v1/settings/import                       A
GET    /api/v1/accounts                              A
POST   /api/v1/accounts                              A
GET    /api/v1/accounts/{name}                       A
PUT    /api/v1/accounts/{name}                       A
DELETE /api/v1/accounts/{name}                       A
POST   /api/v1/accounts/{name}/password              A
PUT    /api/v1/accounts/{name}/lock                  A
DELETE /api/v1/accounts/{name}/lock                  A
GET    /api/v1/accounts/{name}/tokens                A S
POST   /api/v1/accounts/{name}/tokens                A S
DELETE /api/v1/accounts/{name}/tokens/{token_id}     A S
GET    /api/v1/accounts/{name}/sign-ins              A S
DELETE /api/v1/accounts/{name}/sign-ins              A S
DELETE /api/v1/accounts/{name}/sign-ins/{sign_in_id} A S
GET    /api/v1/openid/settings                       A
PUT    /api/v1/openid/settings                       A
POST   /api/v1/openid/check                          A
GET    /api/v1/roles                                 A
POST   /api/v1/roles                                 A
PUT    /api/v1/roles/{name}                          A
DELETE /api/v1/roles/{name}                          A
"""
"""Who may: (A)dministrator, (S)upervisor *sam*, (T)echnician, (N)obody's permissions, a to(K)en
of the administrator's with VIEW_ALL_MONITORED_CALLS alone, and whoever is signed out (-). The
account that a path names is *sam*'s."""
NAMES = {"A": "admin", "S": "sam", "T": "tom", "N": "nil"}
JSON = "application/json"
ABSENT = {"failed", "service_absent"}
"""What this small world has not: a leg, a system bus."""
ORDER = "-NKTSA"
"""The administrator comes last, for only that call changes something that the others need."""


def table() -> dict[str, set[str]]:
    lines = (line.split() for line in TABLE.strip().splitlines())
    return {f"{method} {path}": set(who) for method, path, *who in lines}


ALLOWED = table()
RULES = dict(permissions(make_world(0).app()))


def test_every_route_is_in_the_table_and_no_other() -> None:
    assert set(ALLOWED) == set(RULES)
    assert TABLE.count("\n") == len(ALLOWED) + 1, "a route is in the table twice"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[AccountsWorld]:
    async with accounts_world(tmp_path) as box:
        await box.world.certificates.begin()
        yield box


def declared(rule: Requires | Public | None, who: str, account: Account | None) -> bool:
    """What the route itself says."""
    assert rule is not None
    if isinstance(rule, Public):
        return True
    if account is None:
        return False
    own = rule.own and who == "S"
    return own or rule.lets_in(account)


async def caller(box: AccountsWorld, who: str) -> tuple[httpx.AsyncClient, Account | None]:
    """A browser that the account signed in with, a script with the token, or neither."""
    if who == "-":
        return box.client(), None
    if who == "K":
        return box.client(SUBSET), await box.accounts.verify_token(box.tokens[SUBSET])
    account = await box.accounts.get(NAMES[who])
    assert account is not None
    cookie = box.app.state.console.sessions.open(account)
    return box.client(cookies={COOKIE: cookie}), account


@pytest.mark.parametrize("route", RULES)
async def test_everybody_gets_what_they_may_and_nothing_else(
    box: AccountsWorld, route: str
) -> None:
    method, path = route.split(" ")
    path = {"/static": "/static/icon.svg"}.get(path, path)
    for part, value in {"name": "sam", "token_id": "1", "interaction_id": "call-00001"}.items():
        path = path.replace(f"{{{part}}}", value)
    path = re.sub(r"{\w+}", "none", path)
    for who in ORDER:
        client, account = await caller(box, who)
        allowed = who in ALLOWED.get(route, set())
        assert declared(RULES[route], who, account) is allowed, (route, who)
        if allowed and path == "/api/v1/events":
            await client.aclose()
            continue  # it would never end; the event tests read it
        answer = await client.request(method, path)
        await client.aclose()
        told = answer.json() if answer.headers.get("content-type") == JSON and answer.text else {}
        code = told.get("code") if isinstance(told, dict) else None
        refused = (answer.status_code, code) in (
            (401, "not_signed_in"),
            (403, "not_permitted"),
        )
        assert refused is not allowed, (route, who, answer.status_code, answer.text)
        assert answer.status_code != 500, (route, who, answer.text)  # an accident is "failed" too
        assert answer.status_code < 500 or code in ABSENT, (route, who, answer.text)
        if who == "-" and not allowed:
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"


def test_own_routes_name_the_account_in_their_path() -> None:
    own = {route for route, rule in RULES.items() if isinstance(rule, Requires) and rule.own}
    assert all("/accounts/{name}/" in route for route in own)
    assert len(own) == 6
