"""The list of interactions: filters, sorting, paging, monitors, and why a row is disabled."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.control_link.words import EndReason
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.policy import ROLES, Account, Permission, RefusedError, Running
from appliance.monitoring.query import COLUMNS, Query, QueryError
from appliance.platforms.protocol import (
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    Monitor,
    PlatformConnection,
)
from tests.support.fake_driver import call

ANN = Account("ann", "Supervisor", ROLES["Supervisor"], {"fake": frozenset({"agent-3"})})
SHY = Account("shy", "Listener", frozenset({Permission.MONITOR_ALL_CALLS}))
NOW = datetime(2024, 5, 1, 9, tzinfo=UTC)


def book_of(count: int) -> InteractionBook:
    book = InteractionBook("fake")
    book.take(PlatformConnection(connected=True))
    book.take(InteractionsSnapshot(tuple(call(n) for n in range(1, count + 1))))
    return book


def ids(book: InteractionBook, account: Account = ANN, **query: object) -> list[str]:
    page = book.query(account, Query(**{"per_page": 500, **query}))  # type: ignore[arg-type]
    return [row.interaction.id for row in page.rows]


def test_snapshot_then_changes() -> None:
    book = book_of(3)
    changes: list[str | None] = []
    stop = book.listen(changes.append)
    book.take(InteractionChanged(call(4)))
    book.take(InteractionChanged(replace(call(1), state="ended")))
    assert ids(book) == ["call-2", "call-3", "call-4"]
    book.take(InteractionsSnapshot((call(9),)))
    assert ids(book) == ["call-9"]
    stop()
    book.take(InteractionsSnapshot(()))
    assert changes == ["call-4", "call-1", None]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"queue": "sales"}, [3, 6, 9]),
        ({"flow": "Night", "direction": "inbound"}, [1, 3, 5, 7, 9]),
        ({"direction": "outbound"}, [2, 4, 6, 8, 10]),
        ({"agent": "agent-1"}, [1, 8]),
        ({"agent": "AGENT 1"}, [1, 8]),
        ({"search": "0007"}, [7]),
        ({"search": "sales call-6"}, [6]),
        ({"search": "no such thing"}, []),
        ({"sort": "-started_at", "queue": "Sales"}, [9, 6, 3]),
        ({"sort": "elapsed", "queue": "Sales"}, [9, 6, 3]),
        ({"show": "monitored"}, []),
        ({"monitored": "yes"}, []),
        ({"monitored": "no", "queue": "Sales"}, [3, 6, 9]),
    ],
)
def test_filters(query: dict[str, object], expected: list[int]) -> None:
    assert ids(book_of(10), ANN, **query) == [f"call-{n}" for n in expected]


@pytest.mark.parametrize("column", [*COLUMNS, "elapsed"])
def test_every_column_sorts_both_ways_and_pages_never_overlap(column: str) -> None:
    book = book_of(25)
    up, down = ids(book, sort=column), ids(book, sort=f"-{column}")
    assert sorted(up) == sorted(down)
    paged = []
    for page in range(1, 5):
        paged += [
            row.interaction.id
            for row in book.query(ANN, Query(sort=column, page=page, per_page=8)).rows
        ]
    assert paged == up


@pytest.mark.parametrize(
    "wrong",
    [
        {"show": "none"},
        {"monitored": "maybe"},
        {"direction": "up"},
        {"sort": "colour"},
        {"page": 0},
        {"per_page": 0},
        {"per_page": 501},
        {"search": "x" * 201},
    ],
)
def test_wrong_questions_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(QueryError):
        Query(**wrong)  # type: ignore[arg-type]


def test_why_a_row_cannot_be_monitored() -> None:
    book = book_of(3)
    disabled = EndReason.MONITORING_DISABLED
    book.take(
        InteractionChanged(replace(call(2), monitorable=False, not_monitorable_reason=disabled))
    )
    codes = [row.refusal and row.refusal.code for row in book.query(ANN, Query()).rows]
    assert codes == [None, "monitoring_disabled", "own_call"]
    book.take(PlatformConnection(connected=False, detail="Away."))
    row = book.get(ANN, "call-1")
    assert row.refusal is not None
    assert (row.refusal.code, row.refusal.detail) == ("platform_lost", "Away.")


def test_the_running_session_and_those_before_show_as_monitors() -> None:
    book = book_of(3)
    now = Monitor("bob", True, NOW)
    book.set_running(Running("s", "call-1", "bob"), now)
    row = book.get(ANN, "call-1")
    assert row.interaction.monitors == (now,)
    assert row.refusal is not None
    assert row.refusal.code == "busy"
    assert ids(book, show="monitored") == ["call-1"]
    assert ids(book, monitored="yes") == ["call-1"]
    before = Monitor("bob", True, NOW, NOW + timedelta(minutes=1))
    book.set_running(None, None)
    book.remember(call(1), before)
    assert book.get(ANN, "call-1").interaction.monitors == (before,)
    assert book.get(ANN, "call-1").monitorable
    assert ids(book, monitored="yes") == []
    book.take(InteractionChanged(replace(call(1), state="ended")))
    assert ids(book) == ["call-2", "call-3"]
    assert ids(book, show="monitored") == ["call-1"]
    assert ids(book, show="all", sort="id") == ["call-1", "call-2", "call-3"]
    row = book.get(ANN, "call-1")
    assert row.interaction.state == "ended"
    assert row.refusal is not None
    assert row.refusal.code == "call_ended"


def test_others_sessions_are_for_those_who_may_view_them() -> None:
    book = book_of(1)
    book.remember(call(7), Monitor("bob", False, NOW, NOW))
    book.remember(call(8), Monitor("shy", False, NOW, NOW))
    assert ids(book, SHY, show="monitored") == ["call-8"]
    assert ids(book, ANN, show="monitored") == ["call-7", "call-8"]
    with pytest.raises(RefusedError) as error:
        book.get(SHY, "call-7")
    assert error.value.code == "not_found"


def test_what_is_remembered_has_an_end() -> None:
    book = InteractionBook("fake", remembered=3)
    for number in range(10):
        book.remember(call(number), Monitor("ann", False, NOW, NOW))
    assert ids(book, show="monitored") == ["call-7", "call-8", "call-9"]


def test_next_steps_through_the_last_list_and_skips_what_cannot_be_monitored() -> None:
    book = book_of(10)

    def following(after: str) -> str | None:
        item = book.next_after(ANN, after)
        return item.id if item else None

    assert following("call-1") == "call-2"
    assert following("call-2") == "call-4"  # call-3 is ann's own
    book.query(ANN, Query(queue="Sales"))
    assert following("call-6") == "call-9"
    assert following("call-9") == "call-6"
    assert following("gone") == "call-6"
    book.query(ANN, Query(search="call-9"))
    assert following("call-9") is None


def test_facets() -> None:
    facets = book_of(10).facets()
    assert facets.queues == ("Billing", "Sales", "Support")
    assert facets.flows == ("Main", "Night")
    assert len(facets.agents) == 7


def test_ten_thousand_are_answered_quickly() -> None:
    calls: tuple[Interaction, ...] = tuple(call(n) for n in range(10_000))
    book = InteractionBook("fake")
    book.take(InteractionsSnapshot(calls))
    questions = [
        Query(show="all", sort="-customer", page=100),
        Query(search="agent 3 sales", sort="queue"),
        Query(monitored="no", direction="inbound", sort="agent"),
    ]
    best = 9.0
    for _ in range(3):
        started = time.process_time()
        for question in questions:
            book.query(ANN, question)
        best = min(best, (time.process_time() - started) / len(questions))
    assert best < 0.3, "a guard against a wrong order of growth; the goal is 50 ms"


def test_agents_are_known_beyond_their_calls_and_not_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = book_of(3)
    book.take(InteractionsSnapshot(()))
    book.take(InteractionChanged(call(4)))
    book.take(InteractionChanged(replace(call(4), state="ended")))
    assert [agent.id for agent in book.agents.by_name()] == [f"agent-{n}" for n in range(1, 5)]
    monkeypatch.setattr("appliance.monitoring.known_agents.MOST", 2)
    book.take(InteractionChanged(call(2)))
    assert [agent.id for agent in book.agents.by_name()] == ["agent-2", "agent-4"]
