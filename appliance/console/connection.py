"""One HTTP/1.1 connection that waits for nobody for ever."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from appliance.console.visitors import Visit, Visitors

KEEP_ALIVE_S = 15


class Stage(Enum):
    """What a connection does, thus what is waited for."""

    RECEIVING = auto()
    """A whole request, head and body, is to come; at first also its first byte."""
    ANSWERING = auto()
    CROWDED = auto()
    """Being answered, while more has come than is read: an end of the other side stays unseen."""
    UNREAD = auto()
    """Being answered, but the other side does not read."""
    RESTING = auto()
    """Answered; another request may come."""
    CLOSING = auto()
    """What is left of an answer is still to be read."""


LIMITS: dict[Stage, float | None] = {
    Stage.RECEIVING: 10.0,
    Stage.ANSWERING: None,  # the box's own work has its own limits, and an event stream has none
    Stage.CROWDED: 30.0,
    Stage.UNREAD: 30.0,
    Stage.RESTING: KEEP_ALIVE_S + 5.0,  # uvicorn ends it at KEEP_ALIVE_S, with a goodbye
    Stage.CLOSING: 5.0,
}
"""Seconds until the connection is cut. Bytes that trickle in do not prolong them, but for a long
body that its route takes as it comes (`Visitors.comes_on`).
"""


class Connection(H11Protocol):
    """uvicorn's protocol with a limit on every wait; *visit* is its place among *visitors*."""

    def __init__(
        self,
        visit: Visit,
        visitors: Visitors,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._visit, self._visitors = visit, visitors
        self._stage: Stage | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rested_after: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is awaited from now on."""
        super().connection_made(transport)
        self._visit.end = transport.abort
        self._visit.more_time = self._more_time
        self._enter(Stage.RECEIVING)

    def connection_lost(self, exc: Exception | None) -> None:
        """The place is free again."""
        if self._timer is not None:
            self._timer.cancel()
        self._visitors.leave(self._visit)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The first byte after a rest begins a request; what comes after the end is not for us."""
        if self.transport.is_closing():
            return  # TLS hands over what it had read before
        if self._stage is Stage.RESTING:
            self._enter(Stage.RECEIVING)
        super().data_received(data)

    def eof_received(self) -> None:
        """The transport closes once all is written, however long that takes."""
        super().eof_received()
        self._enter(Stage.CLOSING)

    def handle_events(self) -> None:
        """A request may have begun or come to its end, or what came is no HTTP."""
        try:
            super().handle_events()
        except h11.LocalProtocolError:
            # Garbage in a body that was refused unread: uvicorn tries to answer once more.
            self.loop.call_soon(self.transport.abort)  # TLS may be in the middle of its own work
        if self.cycle is not None and self.transport.is_closing():
            self.cycle.disconnected = True  # what came is answered already, with 400
        self._judge()

    def on_response_complete(self) -> None:
        """An answer came to its end."""
        super().on_response_complete()
        self._judge()

    def pause_writing(self) -> None:
        """The other side does not read as fast as it is written to."""
        super().pause_writing()
        if self._stage in (Stage.ANSWERING, Stage.CROWDED):
            self._enter(Stage.UNREAD)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._stage is Stage.UNREAD:
            self._enter(self._answering())

    def _more_time(self) -> None:
        """Whoever takes the body vouches for it, for it has come on."""
        if self._stage is Stage.RECEIVING:
            self._stage = None
            self._enter(Stage.RECEIVING)

    def _judge(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle  # none yet before the first request
        if self.transport.is_closing():
            self._enter(Stage.CLOSING)
        elif self.conn.their_state is h11.SEND_BODY:
            self._enter(Stage.RECEIVING)
        elif cycle is not None and not cycle.response_complete:
            self._enter(self._answering())
        elif cycle is not self._rested_after:  # only once after each answer, not at each byte
            self._rested_after = cycle
            self._enter(Stage.RESTING)

    def _answering(self) -> Stage:
        if self.flow.write_paused:
            return Stage.UNREAD
        return Stage.CROWDED if self.flow.read_paused else Stage.ANSWERING

    def _enter(self, stage: Stage) -> None:
        if stage is self._stage:
            return
        self._stage = stage
        self._visitors.turn(self._visit, busy=stage is Stage.ANSWERING)
        if self._timer is not None:
            self._timer.cancel()
        limit = LIMITS[stage]
        if stage is Stage.CLOSING and self.transport.get_write_buffer_size():
            limit = LIMITS[Stage.UNREAD]  # the end of a long answer is still on its way
        self._timer = None if limit is None else self.loop.call_later(limit, self.transport.abort)
