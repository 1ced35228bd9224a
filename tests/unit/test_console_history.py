"""History through the API: filters, one session with its curve, exports, and who may see what."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from appliance.console.routes import history as routes
from appliance.monitoring.audit import AuditUnwritableError
from appliance.monitoring.policy import Permission
from appliance.monitoring.store import StoreError, Work
from tests.support.console_served import served
from tests.support.console_world import World, make_world
from tests.support.past_sessions import past

COUNT = 30
T = TypeVar("T")
SAM = {"Authorization": "Bearer token-sam"}
PAGE = SAM | {"Accept": "text/html"}


@pytest.fixture
def world() -> World:
    world = make_world()
    world.remember(past(number) for number in range(COUNT))
    return world


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Sam at the API."""
    client.base_url = httpx.URL("http://box/api/v1")
    client.headers.update(SAM)
    return client


async def asked(client: httpx.AsyncClient, question: str) -> dict[str, Any]:
    answer = await client.get(f"/history{question}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_filters_sort_and_pages(client: httpx.AsyncClient) -> None:
    body = await asked(client, "?queue=sales&barged=no&sort=-length&per_page=3&page=2")
    assert body["total"] == 6
    assert [item["session_id"] for item in body["items"]] == [
        "past-000005",
        "past-000001",
        "past-000017",
    ]
    body = await asked(client, "?from=2026-01-05T10:00:00Z&to=2026-01-05T12:00:00%2B01:00")
    assert [item["session_id"] for item in body["items"]] == ["past-000005", "past-000004"]
    body = await asked(client, "?from=2026-02-01&to=&end_reason=&search=")
    assert [item["session_id"] for item in body["items"]] == ["old-sue", "old-sam"]
    (item,) = (await asked(client, "?search=call-000003"))["items"]
    assert (item["length_s"], item["barged_s"], len(item["barges"])) == (151.0, 19.0, 2)


@pytest.mark.parametrize(
    "question",
    [
        "?sort=words",
        "?from=yesterday",
        "?end_reason=boredom",
        "?barged=1",
        "?per_page=201",
        "?page=0",
        "?colour=red",
        "?since=2026-01-01",
        "?from=0001-01-01T00:00:00%2B10:00",
        "/export?format=xls",
        "/export?page=2",
        f"/{'x' * 201}",
    ],
)
async def test_a_wrong_question_is_refused_in_words(
    client: httpx.AsyncClient, question: str
) -> None:
    answer = await client.get(f"/history{question}")
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_input", "invalid_query")
    assert len(answer.json()["detail"]) > 10


async def test_one_session_has_its_curve(world: World, client: httpx.AsyncClient) -> None:
    body = await asked(client, "/past-000003")
    assert body["supervisor"] == "sam"
    curve = body["curve"]
    assert curve["step_s"] == 1
    assert len(curve["mos"]) == len(curve["call"]) == len(curve["microphone"]) == 151
    assert curve["mos"][20] == 2.6
    assert curve["mos"][33] is None
    assert (curve["microphone"][9], curve["microphone"][10]) == (-100, -22)
    world.database.write_now(lambda database: database.execute("DELETE FROM curves"))
    assert (await asked(client, "/past-000003"))["curve"] is None
    page = await client.get("http://box/history/past-000003", headers=PAGE)
    assert page.status_code == 200
    assert "No curve was kept" in page.text
    assert page.text.count('class="span ') == 5


async def read_csv(client: httpx.AsyncClient, question: str = "") -> list[dict[str, str]]:
    answer = await client.get(f"/history/export?format=csv{question}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert '.csv"' in answer.headers["content-disposition"]
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_an_export_is_everything_oldest_first_and_on_record(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "CHUNK", 1000)
    rows = await read_csv(client)
    assert [row["session_id"] for row in rows] == [
        *(past(number).id for number in range(COUNT)),
        "old-sam",
        "old-sue",
    ]
    answer = await client.get("/history/export?format=json&supervisor=SUE&search=%C3%BCbersee")
    assert [item["session_id"] for item in answer.json()] == ["past-000007", "past-000019"]
    assert set(answer.json()[0]) == set((await asked(client, "?per_page=1"))["items"][0])
    assert (await client.get("/history/export?format=json&search=nobody")).json() == []
    assert await read_csv(client, "&search=nobody") == []
    told = [json.loads(row.detail) for row in world.audit.rows if row.action == "history_exported"]
    assert told[0] == {"format": "csv", "filters": {}}
    assert told[1] == {"format": "json", "filters": {"supervisor": "SUE", "search": "übersee"}}
    assert len(told) == 4
    assert {row.actor for row in world.audit.rows[-4:]} == {"sam"}


async def test_without_a_record_of_it_there_is_no_export(
    world: World, client: httpx.AsyncClient
) -> None:
    world.audit.fail_with = AuditUnwritableError("The audit log cannot be written.")
    answer = await client.get("/history/export")
    assert (answer.status_code, answer.json()["code"]) == (503, "audit_unwritable")


async def test_a_disk_that_is_gone_is_told_before_a_file_begins(
    world: World, client: httpx.AsyncClient
) -> None:
    world.database.fail_with = StoreError("The box's disk has a fault.")
    for address in ("", "/export", "/past-000003"):
        answer = await client.get(f"/history{address}")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_failed")


async def test_one_s_own_alone_without_the_permission_everywhere(
    world: World, client: httpx.AsyncClient
) -> None:
    sam = world.accounts.accounts["sam"]
    rest = sam.permissions - {Permission.VIEW_ALL_MONITORED_CALLS}
    world.accounts.accounts["sam"] = replace(sam, permissions=rest)
    body = await asked(client, "?per_page=200")
    assert body["total"] == COUNT // 3 + 1
    assert {item["supervisor"] for item in body["items"]} == {"sam"}
    assert (await asked(client, "?supervisor=sue"))["total"] == 0
    assert {row["supervisor"] for row in await read_csv(client)} == {"sam"}
    assert await read_csv(client, "&supervisor=sue") == []
    assert (await client.get("/history/past-000003")).status_code == 200
    for base in ("http://box/api/v1", "http://box"):
        answer = await client.get(f"{base}/history/past-000001")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    page = await client.get("http://box/history", headers=PAGE)
    assert "Ängström" not in page.text
    assert "sue" not in page.text


async def test_a_session_that_runs_is_not_yet_of_the_past(
    world: World, client: httpx.AsyncClient
) -> None:
    world.database.write_now(
        lambda database: database.execute(
            "UPDATE sessions SET ended_at = NULL WHERE id = 'old-sam'"
        )
    )
    answer = await client.get("/history/old-sam")
    assert answer.status_code == 404
    assert "not ended" in answer.json()["detail"]
    assert (await client.get("/history/nobody")).status_code == 404


async def test_every_session_s_page_can_be_made(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Whatever its length, its barges and what is known of its sound."""
    for number in range(COUNT):
        page = await client.get(f"http://box/history/past-{number:06}", headers=PAGE)
        assert page.status_code == 200, number
        assert '<svg class="timeline"' in page.text


async def test_what_was_asked_for_is_text_on_the_page(client: httpx.AsyncClient) -> None:
    nasty = "<script>alert(1)</script>\"'%(x)s"
    for name in ("interaction", "search", "supervisor", "agent", "queue"):
        page = await client.get("http://box/history", params={name: nasty}, headers=PAGE)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


async def test_a_file_that_breaks_off_cannot_be_taken_for_a_whole_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk goes while it is being sent: the transfer fails, whatever the kind of file."""
    monkeypatch.setattr("appliance.monitoring.history.EXPORTED_AT_ONCE", 5)
    monkeypatch.setattr(routes, "CHUNK", 1)
    look = world.database.read
    looks = 0

    async def read_twice(work: Work[T]) -> T:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise StoreError("The box's disk has a fault.")
        return await look(work)

    monkeypatch.setattr(world.database, "read", read_twice)
    with served(world) as server:
        for kind in ("csv", "json"):
            looks = 0
            address = f"{server.url}/api/v1/history/export?format={kind}"
            async with httpx.AsyncClient(headers=SAM) as client:
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(address)
