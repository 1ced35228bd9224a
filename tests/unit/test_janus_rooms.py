"""Rooms as calls: what a site says is checked, and what is none of ours is left aside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_link.words import EndReason
from appliance.platforms.janus import names
from appliance.platforms.janus.rooms import MAX_DESCRIPTION, Book, read_call
from appliance.platforms.protocol import Interaction

STARTED = "2026-01-31T09:15:00+01:00"
FULL: dict[str, Any] = {
    "agents": [{"id": "ada", "name": "Ada"}],
    "customer": "+49 30 5550100",
    "customer_feed": "cust",
    "queue": "Support",
    "direction": "outbound",
    "state": "on-hold",
    "started_at": STARTED,
    "monitoring": "on",
    "something": "newer",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
half_right = st.fixed_dictionaries(
    {}, optional={key: json_values | st.just(value) for key, value in FULL.items()}
)


def entry(room: object, description: object) -> dict[str, object]:
    return {"room": room, "description": description, "num_participants": 2}


def test_a_description_becomes_an_interaction() -> None:
    call = read_call("r1", json.dumps(FULL))
    assert call is not None
    assert call.customer_feed == "cust"
    seen = call.interaction
    assert (seen.id, seen.direction, seen.state, seen.queue) == (
        "r1",
        "outbound",
        "on-hold",
        "Support",
    )
    assert seen.agents[0].name == "Ada"
    assert seen.started_at == datetime(2026, 1, 31, 8, 15, tzinfo=UTC)
    assert seen.monitorable


@pytest.mark.parametrize(
    ("monitoring", "reason"),
    [
        ({"monitoring": "off"}, EndReason.MONITORING_DISABLED),
        ({"monitoring": "absent"}, EndReason.NO_MONITORING_OBJECT),
        ({}, EndReason.NO_MONITORING_OBJECT),
    ],
)
def test_what_is_not_allowed_is_not_monitorable(
    monitoring: dict[str, str], reason: EndReason
) -> None:
    call = read_call("r1", json.dumps({"started_at": STARTED, **monitoring}))
    assert call is not None
    assert not call.interaction.monitorable
    assert call.interaction.not_monitorable_reason is reason


@pytest.mark.parametrize(
    "description",
    [
        "Demo Room",
        "",
        "[]",
        "{}",
        json.dumps({"started_at": "2026-01-31T09:15:00"}),
        json.dumps({"started_at": "0001-01-01T00:00:00+14:00"}),
        json.dumps({**FULL, "state": "ended"}),
        json.dumps({**FULL, "monitoring": True}),
        json.dumps({**FULL, "queue": "x" * 201}),
        json.dumps({**FULL, "agents": [{"id": str(n)} for n in range(17)]}),
        json.dumps(FULL) + " " * MAX_DESCRIPTION,
    ],
)
def test_another_room_is_no_call(description: str) -> None:
    assert read_call("r1", description) is None


@given(st.text(max_size=200) | half_right.map(json.dumps), st.text(max_size=140))
def test_no_description_breaks_the_reader(description: str, room: str) -> None:
    call = read_call(room, description)
    assert call is None or call.interaction.id == room


entries = st.builds(
    entry,
    st.sampled_from(["a", "b", "c"]) | json_values,
    half_right.map(json.dumps) | st.just(json.dumps(FULL)) | json_values,
)


@given(st.lists(st.lists(entries | json_values, max_size=6), max_size=4))
def test_the_changes_told_add_up_to_the_calls_there_are(looks: list[list[object]]) -> None:
    book, told = Book(), dict[str, Interaction]()
    for look in looks:
        for interaction in book.take(look):
            told[interaction.id] = interaction
        active = {key: item for key, item in told.items() if item.state != "ended"}
        assert active == {key: call.interaction for key, call in book.calls.items()}


def test_a_look_that_changed_nothing_tells_nothing() -> None:
    book = Book()
    rooms = [entry(f"r{n}", json.dumps(FULL)) for n in range(5)]
    assert len(book.take(rooms)) == 5
    assert book.take(rooms) == []
    assert [i.state for i in book.take(rooms[1:])] == ["ended"]


@given(st.text(max_size=80))
def test_names_are_the_same_in_every_life_and_do_not_tell_the_handle(handle: str) -> None:
    assert 1 <= names.session_id(handle) <= 2**52
    made = (names.voice(handle), names.own_room(handle), names.own_secret(handle))
    assert len({*made, names.PREFIX + handle}) == 4
    assert all(name.isascii() for name in made)
    assert made == (names.voice(handle), names.own_room(handle), names.own_secret(handle))
