"""The event stream: snapshot first, then changes, and a beat each second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from appliance.console import wording
from appliance.console.access import Caller, SignedIn
from appliance.console.feed import Event, Feed
from appliance.console.state import Console, console
from appliance.console.views import now

router = APIRouter(tags=["events"])

BEAT = 1.0
"""Seconds between beats; a page that hears nothing for 2 s shows "state unknown"."""
RETRY_MS = 500
"""How long a browser waits before it comes again."""


async def open_feed(request: Request, caller: SignedIn) -> AsyncIterator[Feed]:
    """A client's feed, closed with the request; refused before the stream begins."""
    hub = console(request).hub
    feed = hub.open(caller.account, is_page=not caller.by_token)
    try:
        yield feed
    finally:
        hub.close(feed)


class EventStream(StreamingResponse):
    """Server-sent events (the HTML standard, section 9.2), written as they come.

    FastAPI's own keeps a few events back in streams of memory, and logs an accident with a
    traceback for a browser that closes the page at the wrong moment.
    """

    media_type = "text/event-stream"


NAMES = (
    "snapshot",
    "interaction",
    "monitoring",
    "levels",
    "quality",
    "device",
    "check",
    "watch",
    "update",
    "beat",
)
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events without end. The data of each is one JSON object.",
        "content": {
            EventStream.media_type: {
                "schema": {
                    "type": "object",
                    "required": ["event", "data"],
                    "properties": {
                        "event": {"enum": NAMES},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                },
                "example": {"event": "beat", "data": '{"as_of":"2026-03-01T09:00:00.000Z"}'},
            }
        },
    }
}


@router.get("/events", response_class=EventStream, responses=ANSWER)
async def events(
    request: Request, caller: SignedIn, feed: Annotated[Feed, Depends(open_feed)]
) -> EventStream:
    """Server-sent events: ``snapshot``, then ``interaction``, ``monitoring``, ``levels``,
    ``quality``, ``device``, ``check`` (headset or panel as a person tries them), ``watch`` (a call
    that the account watches for), ``update`` (an installation) and ``beat``.

    Interactions are coalesced (the latest state, at most every 200 ms); of one that ended and was
    never monitored only ``id``, ``state`` and why it cannot be monitored are told.

    A client that is too slow loses levels and quality first; then it gets a fresh ``snapshot``
    and reads the list again.
    """
    # A proxy must neither keep events back nor show old ones.
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return EventStream(_wire(console(request), caller, feed), headers=headers)


async def _wire(state: Console, caller: Caller, feed: Feed) -> AsyncIterator[str]:
    """What goes to one client until it leaves or its sign-in ends."""
    loop = asyncio.get_running_loop()
    next_beat = loop.time() + BEAT
    yield f"retry: {RETRY_MS}\n\n"
    while not feed.closed:
        waiting = [state.hub.snapshot(feed)] if feed.stale else []
        waiting += feed.take()
        if waiting:
            yield "".join(map(_line, waiting))
        await asyncio.sleep(0)  # a turn in which a closed connection is noticed
        await feed.wait(max(0.0, next_beat - loop.time()))
        if loop.time() >= next_beat:
            next_beat = loop.time() + BEAT
            if not await caller.still_valid(state):
                return
            yield _line(Event("beat", f'{{"as_of":"{wording.rfc3339(now())}"}}'))


def _line(event: Event) -> str:
    return f"event: {event.name}\ndata: {event.data}\n\n"
