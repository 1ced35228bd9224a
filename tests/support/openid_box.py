"""A box with the sign-in at an identity provider, and a browser that goes there and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from appliance.console.web_sessions import COOKIE
from appliance.provisioning.openid.settings import OpenIdSettings
from tests.support.accounts_world import AccountsWorld
from tests.support.console_memory import PASSWORD
from tests.support.faulty_provider import CLIENT, SECRET, FaultyProvider

HTML = {"accept": "text/html"}
ROLES = [
    {"group": "leads", "role": "Supervisor"},
    {"group": "technicians", "role": "Technician"},
    {"group": "gone", "role": "No such role"},
]


def settings_for(provider: FaultyProvider, **more: object) -> OpenIdSettings:
    return OpenIdSettings.model_validate(
        {
            "enabled": True,
            "label": "Example Ltd",
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "roles": ROLES,
            **more,
        }
    )


@asynccontextmanager
async def browser(box: AccountsWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with box.client() as client:
        client.headers.pop("X-Bargebox")
        client.headers.update(HTML)
        yield client


async def sent(client: httpx.AsyncClient, to: str = "/") -> str:
    """The address at the provider that the browser is sent to."""
    answer = await client.get("/sign-in/openid", params={"to": to})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def asked(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def come_back(client: httpx.AsyncClient, address: str, **answer: str) -> httpx.Response:
    params = {"state": asked(address)["state"], **answer}
    return await client.get("/sign-in/openid/back", params=params)


async def try_in(client: httpx.AsyncClient, provider: FaultyProvider) -> httpx.Response:
    """The whole way."""
    address = await sent(client)
    return await come_back(client, address, code=provider.code_for(address))


async def who(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/v1/session")
    return answer.json() if answer.status_code == 200 else {}


async def refused(
    box: AccountsWorld, answer: httpx.Response, client: httpx.AsyncClient, words: str
) -> None:
    assert answer.status_code in (403, 409, 502, 503), answer.text
    assert words in answer.text.replace("&#39;", "'")
    assert COOKIE not in client.cookies
    assert [one.name for one in await box.accounts.all() if one.kind == "openid"] == []


async def local_works(client: httpx.AsyncClient) -> None:
    body = {"user": "sam", "password": PASSWORD}
    assert (await client.post("/api/v1/session", json=body)).status_code == 201
