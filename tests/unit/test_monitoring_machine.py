"""The session machine is its table, and the table is the design's."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.monitoring.session_machine import (
    TRANSITIONS,
    Event,
    IllegalTransitionError,
    SessionMachine,
    State,
)

WAYS = {
    State.IDLE: [],
    State.JOINING: [Event.JOIN],
    State.LISTENING: [Event.JOIN, Event.MEDIA_CONNECTED],
    State.LIVE: [Event.JOIN, Event.MEDIA_CONNECTED, Event.GATE_OPENED],
    State.RECONNECTING: [Event.JOIN, Event.MEDIA_CONNECTED, Event.MEDIA_INTERRUPTED],
    State.ENDED: [Event.JOIN, Event.END],
}


def _machine_in(state: State) -> SessionMachine:
    machine = SessionMachine()
    for event in WAYS[state]:
        machine.fire(event)
    assert machine.state is state
    return machine


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_event_in_every_state(state: State, event: Event) -> None:
    machine = _machine_in(state)
    if (state, event) in TRANSITIONS:
        assert machine.allows(event)
        assert machine.fire(event) is TRANSITIONS[state, event]
        assert machine.state is TRANSITIONS[state, event]
    else:
        assert not machine.allows(event)
        with pytest.raises(IllegalTransitionError) as error:
            machine.fire(event)
        assert machine.state is state
        assert error.value.code == "illegal_transition"


def test_the_arrows_of_the_design() -> None:
    arrows = {(before, after) for (before, _), after in TRANSITIONS.items() if before is not after}
    running = {State.JOINING, State.LISTENING, State.LIVE, State.RECONNECTING}
    assert arrows == {
        (State.IDLE, State.JOINING),
        (State.JOINING, State.LISTENING),
        (State.LISTENING, State.LIVE),
        (State.LIVE, State.LISTENING),
        (State.LISTENING, State.RECONNECTING),
        (State.LIVE, State.RECONNECTING),
        (State.RECONNECTING, State.LISTENING),
        *((state, State.ENDED) for state in running),
        (State.ENDED, State.IDLE),
    }


@given(st.lists(st.sampled_from(Event)))
def test_live_is_entered_from_listening_by_an_open_gate_only(story: list[Event]) -> None:
    machine = SessionMachine()
    for event in story:
        before = machine.state
        if machine.allows(event) and machine.fire(event) is State.LIVE:
            assert before in {State.LISTENING, State.LIVE}
            assert event is Event.GATE_OPENED
