"""History: what was monitored before is found, in all scripts, by everybody who may see it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.curve import Curve, Point
from appliance.monitoring.history import BargeSpan, History
from appliance.monitoring.history_query import SORTS, HistoryQuery
from appliance.monitoring.query import QueryError
from appliance.monitoring.schema import MIGRATIONS
from appliance.monitoring.store import Store, Work
from appliance.platforms.protocol import Agent
from tests.support.past_sessions import AGENTS, QUEUES, START, curve_of, past, write_past

COUNT = 60
T = TypeVar("T")
STEP = next(n for n, step in enumerate(MIGRATIONS) if "CREATE TABLE session_list" in step)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "box.db")
    await opened.write(lambda database: write_past(database, map(past, range(COUNT))))
    yield opened
    await opened.close()


@pytest.fixture
def history(store: Store) -> History:
    return History(store)


async def numbers(history: History, only: str | None = None, **filters: object) -> list[int]:
    """The numbers of all sessions that are found, in their order; the total must fit."""
    query = HistoryQuery(per_page=200, **filters)  # type: ignore[arg-type]
    records, total = await history.pick(query, only=only)
    assert len(records) == total
    return [int(record.id[-6:]) for record in records]


def those(**wanted: object) -> list[int]:
    """The numbers of the sessions with these values, newest first."""
    return [
        number
        for number in reversed(range(COUNT))
        if all(getattr(past(number), name) == value for name, value in wanted.items())
    ]


async def test_newest_first_page_by_page(history: History) -> None:
    seen = []
    for page in (1, 2, 3, 4):
        records, total = await history.pick(HistoryQuery(page=page, per_page=20))
        assert total == COUNT
        seen += records
    assert [record.id for record in seen] == [past(n).id for n in reversed(range(COUNT))]
    assert seen[-1] == replace(past(0), quality={"lost": 3})


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("grOSS", [n for n in range(COUNT) if n % 5 == 3]),
        ("ОЛЬГА", [n for n in range(COUNT) if n % 5 == 4]),
        ("übersee ana", [15, 35, 55]),
        ("ÄNGSTRÖM", [n for n in range(COUNT) if n % 3 == 2]),
        ("0000042", [42]),
        ("call-000007", [7]),
        ("agent-2 sales", [n for n in range(COUNT) if n % 5 == 2 and n % 4 == 1]),
        ("100%", []),
        ("_", []),
        ("'; DROP TABLE sessions", []),
    ],
)
async def test_search_is_by_parts_of_words_in_any_case(
    history: History, search: str, found: list[int]
) -> None:
    assert await numbers(history, search=search, sort="started_at") == found


async def test_filters(history: History) -> None:
    assert await numbers(history, supervisor="SUE") == those(supervisor="sue")
    assert await numbers(history, supervisor="äNGSTRÖM") == those(supervisor="Ängström")
    assert await numbers(history, end_reason="hung_up") == those(end_reason=EndReason.HUNG_UP)
    assert await numbers(history, barged="no") == those(barges=())
    assert await numbers(history, barged="yes") == list(range(57, -1, -3))
    assert await numbers(history, interaction="call-000011") == [11]
    assert await numbers(history, interaction="CALL-000011") == []
    for agent in ("emre yılmaz", "AGENT-2"):
        assert await numbers(history, agent=agent) == list(range(57, -1, -5))
    assert await numbers(history, agent="emre") == []  # a whole name
    assert await numbers(history, queue="ÜBERSEE", flow="übersee MAIN") == list(range(59, 0, -4))
    assert await numbers(history, queue="Sales", direction="outbound") == []
    together = await numbers(history, supervisor="sam", queue="support", barged="yes")
    assert together == [48, 36, 24, 12, 0]


async def test_from_and_to_are_moments_in_any_zone(history: History) -> None:
    east = timezone(timedelta(hours=2))
    since, until = START + timedelta(hours=1), START + timedelta(hours=2)
    assert await numbers(history, since=since, until=until) == [3, 2]
    assert await numbers(history, since=since.astimezone(east), until=until.astimezone(east)) == [
        3,
        2,
    ]
    assert await numbers(history, since=since.replace(tzinfo=None), until=until) == [3, 2]
    half = since + timedelta(microseconds=1)
    assert await numbers(history, since=half, until=until) == [3]


@pytest.mark.parametrize("sort", SORTS)
async def test_each_column_sorts_both_ways_with_what_is_unknown_last(
    history: History, sort: str
) -> None:
    def value(number: int) -> object:
        record = past(number)
        assert record.ended_at is not None
        call = record.interaction
        values = {
            "length": record.ended_at - record.started_at,
            "agent": call.agents[0].name.casefold(),
            "barged": len(record.barges),
            "mos": record.sound.mos if record.sound else None,
        }
        if sort in values:
            return values[sort]
        found = getattr(record, sort, None) or getattr(call, sort, None)
        return found.casefold() if isinstance(found, str) else found

    up = await numbers(history, sort=sort)
    down = await numbers(history, sort=f"-{sort}")
    assert sorted(up) == sorted(down) == list(range(COUNT))
    for order, reverse in ((up, False), (down, True)):
        known = [value(number) for number in order if value(number) is not None]
        assert known == sorted(known, reverse=reverse)  # type: ignore[type-var]
        assert all(value(number) is None for number in order[len(known) :])


async def test_one_sees_only_one_s_own_without_the_permission(history: History) -> None:
    mine = those(supervisor="sam")
    assert await numbers(history, only="sam") == mine
    assert await numbers(history, only="SAM") == []  # an account's name, not a filter
    assert await numbers(history, only="sam", supervisor="sue") == []
    assert await numbers(history, only="sam", search="sue") == []
    assert (await history.names(only="sam")).supervisors == ("sam",)
    exported = [record.id async for record in history.export(HistoryQuery(), only="sam")]
    assert exported == [past(n).id for n in reversed(mine)]


async def test_names_are_those_written_last_and_sorted(history: History, store: Store) -> None:
    names = await history.names()
    assert names.supervisors == ("sam", "sue", "Ängström")
    assert names.agents == tuple(sorted(AGENTS, key=str.casefold))
    assert names.queues == tuple(sorted(QUEUES, key=str.casefold))
    assert names.flows == tuple(sorted((f"{q} main" for q in QUEUES), key=str.casefold))
    later = past(COUNT)
    shouted = replace(later, interaction=replace(later.interaction, queue="SUPPORT", flow=""))
    await store.write(lambda database: write_past(database, [shouted]))
    names = await History(store).names()
    assert "SUPPORT" in names.queues
    assert "Support" not in names.queues
    assert "" not in names.flows


async def test_names_are_looked_up_again_when_a_session_has_ended(
    store: Store, history: History
) -> None:
    looks: list[str] = []
    read = store.read

    async def counted(work: Work[T]) -> T:
        looks.append("look")
        return await read(work)

    store.read = counted  # type: ignore[method-assign]
    for _ in range(3):
        names = await history.names()
    assert len(looks) == 1
    assert len((await history.names(only="sam")).queues) == len(names.queues)
    later = past(COUNT)
    moved = replace(later.interaction, queue="Elsewhere")
    running = replace(later, ended_at=None, barges=(), sound=None)
    await Audit(store).append(Entry("sam", "monitor"), also=history.beginning(running))
    assert later.ended_at is not None
    await history.end(later.id, later.ended_at, EndReason.FAILED, "Oh.", interaction=moved)
    assert "Elsewhere" in (await history.names()).queues
    assert "Elsewhere" in (await history.names(only="sam")).queues


async def test_export_gives_each_once_oldest_first(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.history.EXPORTED_AT_ONCE", 7)
    exported = [record async for record in history.export(HistoryQuery())]
    assert [record.id for record in exported] == [past(n).id for n in range(COUNT)]
    query = HistoryQuery(queue="sales", barged="yes", page=3, per_page=1, sort="mos")
    exported = [record async for record in history.export(query)]
    assert [record.id for record in exported] == [past(n).id for n in (9, 21, 33, 45, 57)]


async def test_only_what_has_ended_is_on_the_list_and_once(store: Store, history: History) -> None:
    later = past(COUNT)
    running = replace(later, ended_at=None, end_reason=None, end_detail="", barges=(), sound=None)
    await Audit(store).append(Entry("sam", "monitor"), also=history.beginning(running))
    assert COUNT not in await numbers(history)
    await history.barge(running.id, later.started_at + timedelta(seconds=3), Audience.AGENT)
    assert later.ended_at is not None
    moved = replace(later.interaction, agents=(*later.interaction.agents, Agent("a9", "Zoë Ø")))
    for _ in range(2):
        await history.end(running.id, later.ended_at, EndReason.FAILED, "Oh.", interaction=moved)
    assert (await numbers(history))[:2] == [COUNT, COUNT - 1]
    assert await numbers(history, agent="ZOË Ø", end_reason="failed", barged="yes") == [COUNT]
    (barged,) = (await history.pick(HistoryQuery(search="zoë")))[0]
    assert barged.barges == (
        BargeSpan(later.started_at + timedelta(seconds=3), later.ended_at, Audience.AGENT),
    )


async def test_what_goes_from_history_goes_from_the_list(store: Store, history: History) -> None:
    def count(database: sqlite3.Connection) -> list[int]:
        tables = ("session_list", "curves", "barges")
        return [database.execute(f"SELECT count (*) FROM {t}").fetchone()[0] for t in tables]  # noqa: S608

    assert all(await store.read(count))
    await store.write(lambda database: database.execute("DELETE FROM sessions"))
    assert await store.read(count) == [0, 0, 0]
    assert await numbers(history) == []


async def test_a_session_of_which_nothing_was_heard_has_no_curve(
    store: Store, history: History
) -> None:
    """And leaves what a former life of the process kept."""
    later = past(COUNT)
    assert later.ended_at is not None
    for number, kept in ((COUNT, None), (COUNT + 1, Curve(2, [Point(4.0, -20.0)]))):
        running = replace(past(number), ended_at=None, barges=(), sound=None)
        await Audit(store).append(Entry("sam", "monitor"), also=history.beginning(running))
        if kept is not None:
            await history.keep_curve(running.id, kept.step_s, kept.to_bytes())
        await history.end(running.id, later.ended_at, EndReason.FAILED, "Oh.", curve=Curve())
        assert await history.curve(running.id) == kept


async def test_the_curve_is_kept(history: History) -> None:
    assert await history.curve(past(3).id) == curve_of(past(3))
    assert await history.curve("nobody") is None


async def test_an_older_database_gets_the_same_list(store: Store, tmp_path: Path) -> None:
    odd = past(COUNT)
    call = replace(odd.interaction, agents=(), customer="", flow="")
    await store.write(lambda database: write_past(database, [replace(odd, interaction=call)]))
    older = sqlite3.connect(tmp_path / "older.db")
    older.execute("ATTACH ? AS newer", (str(tmp_path / "box.db"),))
    older.executescript(f"{'; '.join(MIGRATIONS[:STEP])}; PRAGMA user_version = {STEP}")
    for table in ("sessions", "barges"):
        names = [column for _, column, *_ in older.execute(f"PRAGMA main.table_info ({table})")]
        columns = ", ".join(names)
        copy = f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}"  # noqa: S608
        older.execute(copy)
    older.execute("UPDATE main.sessions SET ended_at = NULL WHERE id = ?", (past(0).id,))
    older.commit()
    older.close()

    def rows(database: sqlite3.Connection) -> list[tuple[object, ...]]:
        return database.execute("SELECT * FROM session_list").fetchall()

    again = await Store.open(tmp_path / "older.db")
    _running, *ended = await store.read(rows)
    assert await again.read(rows) == ended
    assert len(ended) == COUNT
    assert await History(again).curve(past(3).id) is None
    await again.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"barged": "perhaps"},
        {"direction": "up"},
        {"end_reason": "boredom"},
        {"sort": "words"},
        {"sort": "--mos"},
        {"page": 0},
        {"per_page": 10_001},
        {"search": "x" * 201},
        {"interaction": "x" * 201},
    ],
)
def test_a_question_that_cannot_be_asked_is_told(wrong: dict[str, object]) -> None:
    with pytest.raises(QueryError):
        HistoryQuery(**wrong)  # type: ignore[arg-type]


def test_moments_before_the_world_began_find_nothing_and_break_nothing() -> None:
    east = timezone(timedelta(hours=14))
    HistoryQuery(since=datetime.min.replace(tzinfo=UTC)).where(None)
    with pytest.raises(QueryError):
        HistoryQuery(since=datetime.min.replace(tzinfo=east))
