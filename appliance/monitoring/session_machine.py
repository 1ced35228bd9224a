"""The states of a monitoring session: one table, and the one place that changes state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from appliance.service.errors import BargeboxError


class State(StrEnum):
    """Where the box is; ``ended`` lasts until the leg and the history are tidied up."""

    IDLE = "idle"
    JOINING = "joining"
    LISTENING = "listening"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


class Event(StrEnum):
    """What happened. Gate events are the leg's reports, never intentions."""

    JOIN = "join"
    MEDIA_CONNECTED = "media_connected"
    MEDIA_INTERRUPTED = "media_interrupted"
    GATE_OPENED = "gate_opened"
    GATE_CLOSED = "gate_closed"
    END = "end"
    TIDIED = "tidied"


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (State.IDLE, Event.JOIN): State.JOINING,
        (State.JOINING, Event.MEDIA_CONNECTED): State.LISTENING,
        (State.JOINING, Event.MEDIA_INTERRUPTED): State.JOINING,
        (State.JOINING, Event.GATE_CLOSED): State.JOINING,
        (State.JOINING, Event.END): State.ENDED,
        (State.LISTENING, Event.GATE_OPENED): State.LIVE,
        (State.LISTENING, Event.GATE_CLOSED): State.LISTENING,
        (State.LISTENING, Event.MEDIA_INTERRUPTED): State.RECONNECTING,
        (State.LISTENING, Event.END): State.ENDED,
        (State.LIVE, Event.GATE_OPENED): State.LIVE,
        (State.LIVE, Event.GATE_CLOSED): State.LISTENING,
        (State.LIVE, Event.MEDIA_INTERRUPTED): State.RECONNECTING,
        (State.LIVE, Event.END): State.ENDED,
        # The way back is always muted: there is no opening while reconnecting.
        (State.RECONNECTING, Event.MEDIA_CONNECTED): State.LISTENING,
        (State.RECONNECTING, Event.MEDIA_INTERRUPTED): State.RECONNECTING,
        (State.RECONNECTING, Event.GATE_CLOSED): State.RECONNECTING,
        (State.RECONNECTING, Event.END): State.ENDED,
        (State.ENDED, Event.TIDIED): State.IDLE,
    }
)


class IllegalTransitionError(BargeboxError):
    """The event has no place in this state; the state stays as it was."""

    code = "illegal_transition"


class SessionMachine:
    """Holds the state of the one session that the box can have."""

    def __init__(self) -> None:
        self._state = State.IDLE

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    def allows(self, event: Event) -> bool:
        """Whether *event* has a place in this state."""
        return (self._state, event) in TRANSITIONS

    def fire(self, event: Event) -> State:
        """Take *event* and return the new state. Raises `IllegalTransitionError`."""
        state = TRANSITIONS.get((self._state, event))
        if state is None:
            raise IllegalTransitionError(f"{event} cannot happen while {self._state}.")
        self._state = state
        return state
