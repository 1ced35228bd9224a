"""An identity provider that is away, slow or out of its mind; and what the box's test finds."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from appliance.console.openid import fetch
from appliance.platforms import trust
from tests.support.accounts_world import AccountsWorld
from tests.support.faulty_provider import CLIENT, SECRET, FaultyProvider
from tests.support.openid_box import (
    ROLES,
    browser,
    come_back,
    local_works,
    refused,
    settings_for,
    try_in,
)


@pytest.fixture
def box(openid_box: AccountsWorld) -> AccountsWorld:
    return openid_box


@pytest.mark.parametrize("drip", [False, True])
async def test_a_slow_provider_is_given_up_in_time_and_meanwhile_others_get_in(
    box: AccountsWorld, provider: FaultyProvider, monkeypatch: pytest.MonkeyPatch, drip: bool
) -> None:
    monkeypatch.setattr(fetch, "LIMIT_S", 0.6)
    provider.wait_s, provider.drip = (0.0 if drip else 30.0), drip
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid")
        assert len(provider.asked) == 1
        assert provider.answered == 0, "the box has waited for all of it"
        assert answer.status_code == 503
        assert "Example Ltd does not answer (no answer in time)" in answer.text
        assert 'name="password"' in answer.text
        await local_works(client)


async def test_a_provider_that_is_away_locks_nobody_out(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    openid = box.app.state.console.ports.openid
    await openid.change("admin", settings_for(provider, issuer="https://127.0.0.1:1"))
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid")
        assert answer.status_code == 503
        assert "does not answer" in answer.text
        await local_works(client)


async def test_a_provider_that_nobody_vouches_for_is_told(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    trust.believe_too("")
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid")
        assert answer.status_code == 503
        assert "is not trusted" in answer.text
        assert provider.asked == []


DISCOVERY = "/.well-known/openid-configuration"
RAW = {
    "huge": ((200, {}, b" " * 300_000), "too large"),
    "no JSON": ((200, {}, b"<html>"), "not JSON"),
    "a list": ((200, {}, b"[]"), "not JSON"),
    "nested": ((200, {}, b"[" * 200_000), "not JSON"),
    "elsewhere": ((302, {"Location": "https://evil.example/"}, b""), "sends the box elsewhere"),
    "packed": ((200, {"Content-Encoding": "gzip"}, b"x"), "compressed"),
    "not there": ((404, {}, b"{}"), "status 404"),
    "ill": ((500, {}, b"{}"), "status 500"),
}


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
@pytest.mark.parametrize("fault", RAW)
async def test_answers_that_cannot_be_used_are_told(
    box: AccountsWorld, provider: FaultyProvider, path: str, fault: str
) -> None:
    provider.raw[path], words = RAW[fault]
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid")
        if path != DISCOVERY:
            address = answer.headers["location"]
            answer = await come_back(client, address, code=provider.code_for(address))
        await refused(box, answer, client, words)
        await local_works(client)


DESCRIPTIONS: dict[str, tuple[object, str]] = {
    "issuer": ("https://evil.example", "calls itself https://evil.example"),
    "token_endpoint": ("http://127.0.0.1/token", "no secured address as its token_endpoint"),
    "authorization_endpoint": (None, "no secured address as its authorization_endpoint"),
    "jwks_uri": ("https://a b", "no secured address as its jwks_uri"),
    "response_types_supported": (["token"], "does not offer the code flow"),
    "code_challenge_methods_supported": (["plain"], "does not offer PKCE"),
    "id_token_signing_alg_values_supported": (["HS256", "none"], "by no method"),
    "token_endpoint_auth_methods_supported": (["private_key_jwt"], "takes the secret in no way"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
async def test_a_provider_that_the_box_cannot_use_is_told(
    box: AccountsWorld, provider: FaultyProvider, name: str
) -> None:
    value, words = DESCRIPTIONS[name]
    provider.describe = lambda body: body.update({name: value})
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid")
        if words.startswith(("does not", "no secured")):
            words = words.replace("no secured", "a secured")
        await refused(box, answer, client, words)


async def test_a_secret_may_go_in_the_form(box: AccountsWorld, provider: FaultyProvider) -> None:
    provider.describe = lambda body: body.update(
        token_endpoint_auth_methods_supported=["client_secret_post"]
    )
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 200


async def test_it_is_asked_once_and_not_for_each_sign_in(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    for _ in range(3):
        async with browser(box) as client:
            await try_in(client, provider)
    assert provider.asked.count(DISCOVERY) == 1
    assert provider.asked.count("/keys") == 1


# -- the settings and their test


FORM = {"issuer": "https://id.example.org", "client_id": "box", "roles": ROLES[:2]}


async def test_the_secret_is_never_read_back_and_stays_when_left_out(box: AccountsWorld) -> None:
    openid = box.app.state.console.ports.openid
    async with box.signed_in("admin") as admin:
        shown = (await admin.get("/api/v1/openid/settings")).json()
        assert shown["secrets_set"] == ["client_secret"]
        assert SECRET not in str(shown)
        assert "http://box/sign-in/openid/back" in shown["redirects"]
        body = {**shown["settings"], "label": "Another", "roles": ROLES[:2]}
        answer = await admin.put("/api/v1/openid/settings", json=body)
        assert answer.status_code == 200, answer.text
        assert openid.settings.client_secret.get_secret_value() == SECRET
        assert "Sign in with Another" in (await box.client().get("/sign-in")).text
        page = (await admin.get("/settings/sign-in")).text
        assert SECRET not in page
    assert openid.secrets() == [SECRET]  # the support bundle leaves them out
    (changed, *_) = await box.records("openid_changed")
    assert changed.actor == "admin"
    assert SECRET not in changed.detail
    assert '"label"' in changed.detail


async def test_a_secret_goes_to_no_other_issuer_unless_it_is_typed_again(
    box: AccountsWorld,
) -> None:
    async with box.signed_in("admin") as admin:
        answer = await admin.put("/api/v1/openid/settings", json=FORM)
        assert answer.json()["fields"] == {
            "client_secret": "Give this again: the address that it is for has changed."
        }
        answer = await admin.post("/api/v1/openid/check", json=FORM)
        assert answer.status_code == 422
        answer = await admin.put("/api/v1/openid/settings", json={**FORM, "client_secret": ""})
        assert answer.json()["secrets_set"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer": "http://id.example.org"}, "issuer"),
        ({"issuer": "https://u:p@id.example.org"}, "issuer"),
        ({"issuer": "https://id.example.org/.well-known/openid-configuration"}, "issuer"),
        ({"issuer": "https://id.example.org?x=1"}, "issuer"),
        ({"roles": [{"group": "", "role": "Supervisor"}]}, "roles.0.group"),
        ({"roles": [{"group": "x", "role": "Nobody's"}]}, "roles.0.role"),
        ({"scopes": 'open"id'}, "scopes"),
        ({"label": ""}, "label"),
        ({"enabled": True, "client_id": ""}, "client_id"),
        ({"enabled": True, "roles": []}, "roles"),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_settings_that_cannot_be_are_refused_by_their_names(
    box: AccountsWorld, change: dict[str, Any], field: str
) -> None:
    async with box.signed_in("admin") as admin:
        body = {**FORM, "client_secret": "x", **change}
        answer = await admin.put("/api/v1/openid/settings", json=body)
        assert answer.status_code == 422
        assert list(answer.json()["fields"]) == [field]
    assert box.app.state.console.ports.openid.settings.client_secret.get_secret_value() == SECRET


async def steps(admin: httpx.AsyncClient, body: object = None) -> list[tuple[str, bool, str]]:
    answer = await admin.post("/api/v1/openid/check", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["passed"] is all(step["passed"] for step in found["steps"])
    return [(step["step"], step["passed"], step["detail"]) for step in found["steps"]]


async def test_the_test_says_what_is_right(box: AccountsWorld, provider: FaultyProvider) -> None:
    openid = box.app.state.console.ports.openid
    await openid.change("admin", settings_for(provider, roles=ROLES[:2]))
    async with box.signed_in("admin") as admin:
        found = await steps(admin)
    assert [(step, passed) for step, passed, _ in found] == [
        ("settings", True),
        ("discovery", True),
        ("offers", True),
        ("keys", True),
        ("client", True),
        ("roles", True),
    ]
    assert found[4][2] == "It knows this client."


async def test_the_test_says_what_is_wrong(box: AccountsWorld, provider: FaultyProvider) -> None:
    given = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
    async with box.signed_in("admin") as admin:
        assert (await steps(admin))[-1] == (
            "roles",
            False,
            "There is no role No such role any more.",
        )
        assert (await steps(admin, given))[-1][:2] == ("roles", False)
        found = await steps(admin, {**given, "client_secret": "wrong"})
        assert found[-1][:2] == ("client", False)
        assert "invalid_client" in found[-1][2]
        assert (await steps(admin, {**given, "issuer": ""}))[-1][:2] == ("settings", False)
        provider.keys = []
        assert (await steps(admin, given))[-1][:2] == ("keys", False)
        provider.describe = lambda body: body.update(response_types_supported=["token"])
        assert (await steps(admin, given))[-1][:2] == ("offers", False)
        trust.believe_too("")
        step, passed, detail = (await steps(admin, given))[-1]
        assert (step, passed) == ("discovery", False)
        assert "is not trusted" in detail


async def test_the_test_speaks_the_page_s_language(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with box.signed_in("admin") as admin:
        admin.headers["X-Bargebox"] = "de"
        assert (await steps(admin))[2][2] == "Er bietet den Code-Ablauf an, mit PKCE."
    provider.groups = []
    async with browser(box) as client:
        client.headers["Accept-Language"] = "de"
        provider.claim = lambda claims: claims.update(nonce="x")
        answer = await try_in(client, provider)
        assert "glaubt: Sein ID-Token gehört zu einer anderen Anmeldung." in answer.text


async def test_a_file_that_cannot_be_used_is_told(box: AccountsWorld) -> None:
    console = box.app.state.console
    box.world.openid_file._path.write_text("{")
    await console.ports.openid.begin()
    async with box.signed_in("admin") as admin:
        assert "Save it again on the page" in (await admin.get("/settings/sign-in")).text
        german = {"Accept-Language": "de"}
        shown = (await admin.get("/settings/sign-in", headers=german)).text
        assert "Speichern Sie es auf der Seite „Anmeldung“ neu." in shown
