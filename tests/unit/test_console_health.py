"""The box's health through the API, on the page and in the metrics."""

from __future__ import annotations

import re

import httpx

from appliance.provisioning.health.finding import warning
from appliance.service.errors import BargeboxError
from tests.support.console_health import HEADSET, PASSWORD, RESTARTS
from tests.support.console_world import World

TOM = {"Authorization": "Bearer token-tom"}
SAM = {"Authorization": "Bearer token-sam"}
HTML = {"Accept": "text/html", **TOM}


async def test_findings_are_told_with_what_to_do(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/health", headers=TOM)).json()["findings"] == []
    world.health.wrong = [HEADSET, RESTARTS]
    body = (await client.get("/api/v1/health", headers=TOM)).json()
    assert body["as_of"] == "2026-03-01T09:00:00.000Z"
    missing, restarts = body["findings"]
    assert missing == {
        "code": "headset_missing",
        "severity": "fault",
        "words": HEADSET.words,
        "suggestion": HEADSET.suggestion,
        "since": "2026-03-01T09:00:00.000Z",
        "fix": None,
    }
    assert (restarts["severity"], restarts["fix"]) == ("warning", "Count anew")


async def test_it_looks_when_asked(world: World, client: httpx.AsyncClient) -> None:
    world.health.soon = [HEADSET]
    body = (await client.post("/api/v1/health/check", headers=TOM)).json()
    assert [finding["code"] for finding in body["findings"]] == ["headset_missing"]


async def test_a_fix_is_done_in_the_name_of_who_asked(
    world: World, client: httpx.AsyncClient
) -> None:
    world.health.wrong = [RESTARTS, PASSWORD]

    async def fix(code: str) -> httpx.Response:
        return await client.post(f"/api/v1/health/{code}/fix", headers=TOM)

    answer = await fix("control_restarts")
    assert [finding["code"] for finding in answer.json()["findings"]] == [PASSWORD.code]
    assert world.health.mended == [("control_restarts", "tom")]
    for code, status, refusal in (
        ("control_restarts", 404, "not_found"),
        ("first_password_unchanged", 409, "no_fix"),
        ("No-Code", 422, "invalid_input"),
    ):
        answer = await fix(code)
        assert (answer.status_code, answer.json()["code"]) == (status, refusal)
    for code, status in (("timeout", 503), ("audit_unwritable", 503), ("busy", 409)):
        world.health.fail_with = BargeboxError("Not now.", code=code)
        assert (await fix(PASSWORD.code)).status_code == status


async def test_the_menu_counts_for_those_who_may_look(
    world: World, client: httpx.AsyncClient
) -> None:
    def counted(text: str) -> list[str]:
        return re.findall(r'<span class="count" >(\d+)<', text)

    assert counted((await client.get("/panel", headers=HTML)).text) == []
    world.health.wrong = [HEADSET, RESTARTS]
    assert counted((await client.get("/panel", headers=HTML)).text) == ["2"]
    assert counted((await client.get("/settings/platform", headers=HTML)).text) == ["2", "2"]
    assert counted((await client.get("/panel", headers={**HTML, **SAM})).text) == []


async def test_the_page_shows_words_and_never_markup(
    world: World, client: httpx.AsyncClient
) -> None:
    world.health.wrong = [warning("x", "<b>A platform's word</b>", "Mend it.")]
    for path in ("/settings/health", "/settings/health/list"):
        text = (await client.get(path, headers=HTML)).text
        assert "&lt;b&gt;A platform" in text
        assert "<b>" not in text


async def test_each_code_has_a_gauge(world: World, client: httpx.AsyncClient) -> None:
    world.health.wrong = [HEADSET]
    text = (await client.get("/metrics", headers=TOM)).text
    found = dict(re.findall(r'(?m)^bargebox_health_finding{code="(\w+)"} (\d)$', text))
    assert set(found) == set(world.health.codes)
    assert [code for code, value in found.items() if value == "1"] == ["headset_missing"]


async def test_findings_are_told_in_the_visitor_s_language(
    world: World, client: httpx.AsyncClient
) -> None:
    odd = warning("odd", "Nobody translated this.", "Nor this.")
    world.health.wrong = [HEADSET, RESTARTS, odd]
    german = {**HTML, "Accept-Language": "de"}
    for path in ("/settings/health", "/settings/health/list"):
        text = (await client.get(path, headers=german)).text
        assert "Es ist kein Headset angesteckt." in text
        assert "Der Steuerprozess begann in der letzten Stunde 5-mal." in text
        assert "Nobody translated this." in text
    assert HEADSET.words in (await client.get("/settings/health", headers=HTML)).text
    body = (await client.get("/api/v1/health", headers={**TOM, "Accept-Language": "de"})).json()
    assert body["findings"][0]["words"] == HEADSET.words
