"""What the site asks before each call, at the API."""

from __future__ import annotations

import httpx
import pytest

from appliance.monitoring.terms import Given, Terms
from tests.support.console_world import World

SAM = {"Authorization": "Bearer token-sam"}
MONITOR = "/api/v1/interactions/call-00001/monitor"
TERMS = "/api/v1/monitoring/terms"


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    client.headers.update(SAM)
    return client


async def test_nothing_is_asked_by_default(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.get(TERMS)).json() == {
        "confirmation": "", "ask_reason": False, "reasons": [],
    }  # fmt: skip
    assert (await client.post(MONITOR)).status_code == 201
    assert world.monitoring.given == [Given()]


async def test_what_is_asked_is_told_and_needed(world: World, client: httpx.AsyncClient) -> None:
    world.monitoring.terms = Terms("Only for training.", True, ("Training", "Complaint"))
    told = (await client.get(TERMS)).json()
    assert told["confirmation"] == "Only for training."
    assert told["reasons"] == ["Training", "Complaint"]
    answer = await client.post(MONITOR)
    assert (answer.status_code, answer.json()["code"]) == (409, "reason_needed")
    assert "Training; Complaint" in answer.json()["detail"]
    answer = await client.post(MONITOR, json={"reason": "Training"})
    assert answer.status_code == 409
    assert answer.json() == {"code": "confirmation_needed", "detail": "Only for training."}
    answer = await client.post(MONITOR, json={"confirmed": True, "reason": "Training"})
    assert answer.status_code == 201
    assert world.monitoring.given == [Given(confirmed=True, reason="Training")]


@pytest.mark.parametrize(
    "body", [{"confirmed": "yes"}, {"reason": "x" * 201}, {"reason": 1}, {"because": "x"}, []]
)
async def test_bad_bodies(client: httpx.AsyncClient, body: object) -> None:
    answer = await client.post(MONITOR, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_the_reason_is_in_history(world: World, client: httpx.AsyncClient) -> None:
    (first, second) = (await client.get("/api/v1/history")).json()["items"]
    assert (first["reason"], second["reason"]) == ("", "")
