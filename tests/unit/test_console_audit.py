"""The audit log in the API and on the page: search, export, state, plain words."""

from __future__ import annotations

import ast
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

import appliance
from appliance.console import audit_wording
from appliance.console.audit_views import AuditFilter, RowView
from appliance.monitoring.audit import Audit, AuditRow, AuditUnwritableError, Entry
from appliance.monitoring.audit_check import Fault
from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_search import Word
from appliance.monitoring.store import Store
from tests.support.audit_log import edit, look_at_export
from tests.support.console_world import World

PAGE = {"Accept": "text/html"}


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """An administrator at the API."""
    client.base_url = httpx.URL("http://box/api/v1")
    client.headers.update({"Authorization": "Bearer token-admin"})
    return client


async def test_the_log_is_paged(client: httpx.AsyncClient) -> None:
    body = (await client.get("/audit?limit=2")).json()
    assert [row["seq"] for row in body["items"]] == [5, 4]
    assert body["before"] == 4
    body = (await client.get("/audit?limit=3&before=4")).json()
    assert ([row["seq"] for row in body["items"]], body["before"]) == ([3, 2, 1], None)


async def test_an_export_is_on_record_and_ends_with_the_signed_head(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await client.get("/audit/export")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["content-type"] == "application/x-ndjson"
    *rows, head = answer.text.splitlines()
    assert [json.loads(line)["seq"] for line in rows] == [1, 2, 3, 4, 5, 6]
    last = json.loads(rows[-1])
    assert (last["actor"], last["action"]) == ("admin", "audit_exported")
    assert SignedHead.parse(head).seq == 6
    file = tmp_path / "log.ndjson"
    file.write_bytes(answer.content)
    assert (await look_at_export(file)).intact


async def test_no_export_that_is_not_on_record(world: World, client: httpx.AsyncClient) -> None:
    world.audit.fail_with = AuditUnwritableError("The disk is full.")
    answer = await client.get("/audit/export")
    assert (answer.status_code, answer.json()["code"]) == (503, "audit_unwritable")


async def test_the_state_tells_head_and_last_check(world: World, client: httpx.AsyncClient) -> None:
    state = (await client.get("/audit/state")).json()
    assert state["checked"] is None
    assert (state["head"]["seq"], state["head"]["rows"]) == (5, 5)
    SignedHead(**state["head"])
    world.audit.faults = [Fault(3, "Row 3 was changed after it was written."), Fault(None, "Gone.")]
    checked = (await client.post("/audit/check")).json()["checked"]
    assert checked == (await client.get("/audit/state")).json()["checked"]
    assert (checked["intact"], checked["rows"], checked["more_faults"]) == (False, 5, 0)
    assert checked["faults"] == [
        {"seq": 3, "detail": "Row 3 was changed after it was written."},
        {"seq": None, "detail": "Gone."},
    ]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "before=0", "from=yesterday", "nobody=x", f"search={'x' * 201}"],
)
async def test_what_cannot_be_asked_is_refused_in_words(
    client: httpx.AsyncClient, query: str
) -> None:
    answer = await client.get(f"/audit?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert query.partition("=")[0] in answer.json()["detail"]


def test_days_are_whole_and_moments_exact() -> None:
    day = AuditFilter.model_validate({"from": "2026-11-01", "to": "2026-11-02"}).query()
    assert day.since == datetime(2026, 11, 1, tzinfo=UTC)
    assert day.until == datetime(2026, 11, 3, tzinfo=UTC)
    exact = AuditFilter.model_validate(
        {"from": "2026-11-01T08:00:00+02:00", "to": "2026-11-01T07:00:00"}
    ).query()
    assert exact.since == datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert exact.until == datetime(2026, 11, 1, 7, tzinfo=UTC)


def test_empty_fields_of_a_form_ask_for_nothing() -> None:
    names = ("actor", "action", "interaction", "session", "from", "to", "search")
    asked = AuditFilter.model_validate(dict.fromkeys(names, ""))
    assert asked == AuditFilter()
    assert asked.told() == {}


def test_words_are_looked_for_in_the_log_s_names_and_in_plain_ones() -> None:
    first, second = AuditFilter(search="listening MUTED").query().words
    assert first == Word("listening")
    assert second == Word("MUTED", frozenset({"mute", "unmute"}))


async def test_what_somebody_may_not_do_is_on_record(
    world: World, client: httpx.AsyncClient
) -> None:
    tom = {"Authorization": "Bearer token-tom"}
    assert (await client.get("/interactions", headers=tom)).status_code == 403
    assert len(world.audit.rows) == 5, "only looking changes nothing"
    answer = await client.post("/interactions/call-00001/monitor", headers=tom)
    assert answer.status_code == 403
    row = world.audit.rows[-1]
    assert (row.actor, row.action) == ("tom", "permission_refused")
    assert json.loads(row.detail) == {
        "request": "POST /api/v1/interactions/call-00001/monitor",
        "needed": "MONITOR_ALL_CALLS",
    }
    for number in range(3):  # a script that goes on trying must not fill the card
        await client.post(f"/interactions/call-{number}/monitor", headers=tom)
    assert world.audit.rows[-1] is row


async def test_the_last_day_that_there_is_can_be_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.get("/audit?to=9999-12-31")
    assert (answer.status_code, len(answer.json()["items"])) == (200, 5)


async def test_a_self_test_is_on_record(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.post("/device/selftest")).status_code == 200
    assert (world.audit.rows[-1].actor, world.audit.rows[-1].action) == ("admin", "self_test")


# -- plain words


@pytest.mark.parametrize(
    ("action", "detail", "words"),
    [
        ("unmute", {"audience": "agent", "via": "page"},
         "Un-muted|only the agent hears; on the page"),
        ("mute", {"cause": "button"}, "Muted|at the button"),
        ("ended", {"reason": "agent_ended"}, "Monitoring ended|The agent ended the call"),
        ("monitor_refused", {"code": "own_call"}, "Was refused to monitor|You handle this call"
         " yourself as an agent, so you cannot monitor it"),
        ("monitor_refused", {"code": "busy"}, "Was refused to monitor|code: busy"),
        ("press", {"button": "hang_up", "action": "leave", "number": 3},
         "Pressed a button of the box|button: hang_up; action: leave"),
        ("platform_changed", {"driver": "janus", "changed": ["url"], "settings": {"a": True}},
         "Changed the call platform|driver: janus; changed: url; settings: a yes"),
        ("coffee_made", {"cups": 2, "for": None}, "Coffee made|cups: 2"),
        ("", {}, "–|"),
    ],
)  # fmt: skip
def test_each_row_is_told_in_plain_words(
    action: str, detail: dict[str, object], words: str
) -> None:
    assert "|".join(audit_wording.describe(action, detail)) == words


@pytest.mark.parametrize("detail", ["{", "[1]", '"x"', "null", "[" * 20_000])
def test_a_row_whose_detail_cannot_be_read_is_shown_all_the_same(detail: str) -> None:
    row = AuditRow(1, "2026", "eve", "mute", None, None, detail, "")
    assert RowView.of(row).what == "Muted"


# -- the page


async def test_the_page_shows_rows_and_leads_to_older_ones(
    world: World, client: httpx.AsyncClient
) -> None:
    world.audit.add(Entry("<b>eve</b>", "unmute", "5f2a91c07d", "call-7", {"audience": "agent"}))
    client.base_url = httpx.URL("http://box")
    text = (await client.get("/audit?limit=2&actor=", headers=PAGE)).text
    assert "&lt;b&gt;eve&lt;/b&gt;" in text
    assert "only the agent hears" in text
    assert 'href="/audit?interaction=call-7"' in text
    assert 'href="/audit?limit=2&amp;before=5"' in text
    assert "Newest" not in text
    text = (await client.get("/audit?before=2&actor=sam", headers=PAGE)).text
    assert 'href="/audit?actor=sam"' in text
    assert "Older" not in text
    text = (await client.get("/audit?actor=nobody&action=coffee_made", headers=PAGE)).text
    assert "No row fits the filters." in text
    assert '<option value="coffee_made" selected>' in text


# -- the real log


@pytest.fixture
async def audit(tmp_path: Path) -> AsyncIterator[Audit]:
    store = await Store.open(tmp_path / "box.db")
    yield Audit(store)
    await store.close()


def _asked(**query: str) -> AuditFilter:
    return AuditFilter.model_validate(query)


async def _numbers(audit: Audit, asked: AuditFilter) -> list[int]:
    return [row.seq for row in (await audit.search(asked.query(), limit=asked.limit)).rows]


async def test_filters_find_what_fits(audit: Audit) -> None:
    def at(day: int) -> datetime:
        return datetime(2026, 11, day, 12, tzinfo=UTC)

    await audit.append(
        Entry("Ann", "monitor", "s1", "c1", at=at(1)),
        Entry("Ünal", "unmute", "s1", "c1", {"audience": "agent"}, at=at(2)),
        Entry("bargebox", "ended", "s1", "c1", {"reason": "hung_up"}, at=at(3)),
        Entry("ann", "monitor", "s2", "c2", at=at(4)),
        Entry("eve", "sign_in_refused", detail={"address": "10.0.0.9", "rate": "100%"}, at=at(5)),
    )
    for query, numbers in (
        ({}, [5, 4, 3, 2, 1]),
        ({"actor": "ann"}, [4, 1]),
        ({"action": "monitor"}, [4, 1]),
        ({"actor": "ann", "session": "s1"}, [1]),
        ({"session": "s1"}, [3, 2, 1]),
        ({"interaction": "c2"}, [4]),
        ({"from": "2026-11-03"}, [5, 4, 3]),
        ({"to": "2026-11-03"}, [3, 2, 1]),
        ({"from": "2026-11-02T13:00:00Z", "to": "2026-11-04T11:00:00Z"}, [3]),
        ({"search": "ünal"}, [2]),
        ({"search": "UNMUTE"}, [2]),
        ({"search": "c1 hung"}, [3]),
        ({"search": "refused"}, [5]),
        ({"search": "sign"}, [5]),
        ({"search": "began monitor"}, [4, 1]),
        ({"search": "100%"}, [5]),
        ({"search": "0_0"}, []),
        ({"search": "10.0.0.9 x"}, []),
        ({"actor": "mallory"}, []),
    ):
        assert await _numbers(audit, _asked(**query)) == numbers, query


async def test_a_search_goes_on_where_it_ended(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.audit_search.STRETCH", 3)
    await audit.append(*(Entry("ann" if n % 4 == 0 else "bob", f"act {n}") for n in range(20)))
    for limit in (1, 2, 5, 7):
        numbers: list[int] = []
        before: int | None = None
        while True:
            found = await audit.search(_asked(actor="ann").query(), before=before, limit=limit)
            numbers += [row.seq for row in found.rows]
            before = found.before
            if before is None:
                break
        assert numbers == [17, 13, 9, 5, 1]
    monkeypatch.setattr("appliance.monitoring.audit_search.LIMIT_S", 0.0)
    assert await audit.search(_asked(actor="ann").query()) == (await audit.search(limit=0))


async def test_a_damaged_row_is_shown_and_exported_as_it_is(audit: Audit, tmp_path: Path) -> None:
    await audit.append(Entry("ann", "monitor"), Entry("bob", "monitor"))
    edit(tmp_path / "box.db", "UPDATE audit SET actor = CAST (x'61ff' AS TEXT) WHERE seq = 1")
    assert [row.actor for row in (await audit.search()).rows] == ["bob", "a\ufffd"]
    text = "".join([part async for part in audit.export()])
    assert b'"actor":"a\xff"' in text.encode("utf-8", "surrogateescape")


def test_all_that_is_written_has_words_and_can_be_searched_for() -> None:
    written: set[str] = set()
    said: set[str] = set()
    for file in Path(appliance.__path__[0]).rglob("*.py"):
        if file == Path(audit_wording.__file__):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name("Entry"), args=[_, ast.Constant(str(action)), *_]):
                    written.add(action)
                case ast.Constant(str(text)):
                    said.add(text)
    assert {"clock_changed", "monitor"} <= written
    assert written - audit_wording.ACTIONS.keys() == set()
    assert audit_wording.ACTIONS.keys() - said == set()
