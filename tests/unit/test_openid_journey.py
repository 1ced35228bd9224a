"""The way to the identity provider and back: what the box sends there, and where it leads."""

from __future__ import annotations

import pytest

from appliance.console.openid.journey import COOKIE as JOURNEY
from tests.support.accounts_world import AccountsWorld
from tests.support.faulty_provider import CLIENT, SECRET, FaultyProvider
from tests.support.openid_box import (
    asked,
    browser,
    come_back,
    sent,
)


@pytest.fixture
def box(openid_box: AccountsWorld) -> AccountsWorld:
    return openid_box


async def test_what_the_box_asks_of_the_provider(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        one, other = asked(await sent(client)), asked(await sent(client))
    assert one["redirect_uri"] == "http://box/sign-in/openid/back"
    assert one["client_id"] == CLIENT
    assert not {one[name] for name in ("state", "nonce", "code_challenge")} & set(other.values())
    assert SECRET not in str(one)


async def test_it_comes_back_to_the_name_that_was_asked_and_to_no_foreign_one(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid", headers={"host": "192.0.2.7:8080"})
        back = asked(answer.headers["location"])["redirect_uri"]
        assert back == "http://192.0.2.7:8080/sign-in/openid/back"
        answer = await client.get("/sign-in/openid", headers={"host": "evil.example"})
        assert answer.status_code == 421


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("/settings/network", "/settings/network"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a//evil", "/"),
        ("javascript:alert(1)", "/"),
        ("/%2fevil", "/"),
        ("/a\n", "/"),
    ],
)
async def test_afterwards_it_leads_to_a_page_of_the_box_only(
    box: AccountsWorld, provider: FaultyProvider, to: str, leads: str
) -> None:
    async with browser(box) as client:
        address = await sent(client, to)
        answer = await come_back(client, address, code=provider.code_for(address))
        assert f'content="0;url={leads}"' in answer.text


async def test_another_site_s_page_begins_no_sign_in(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid", headers={"sec-fetch-site": "cross-site"})
        assert answer.headers["location"] == "/sign-in"
        assert JOURNEY not in client.cookies


async def test_the_journey_s_cookie_is_for_this_way_alone(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid")
        cookie = answer.headers["set-cookie"]
        for word in ("HttpOnly", "SameSite=lax", "Path=/sign-in/openid", "Max-Age=600"):
            assert word in cookie
        assert asked(answer.headers["location"])["state"] not in cookie
