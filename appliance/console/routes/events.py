"""The event stream: snapshot first, then changes, and a beat each second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from appliance.console import wording
from appliance.console.access import SignedIn
from appliance.console.feed import Event, Feed
from appliance.console.state import console
from appliance.console.views import now

router = APIRouter(tags=["events"])

BEAT = 1.0
"""Seconds between beats; a page that hears nothing for 2 s shows "state unknown"."""


async def open_feed(request: Request, caller: SignedIn) -> AsyncIterator[Feed]:
    """A client's feed, closed with the request; refused before the stream begins."""
    hub = console(request).hub
    feed = hub.open(caller.account)
    try:
        yield feed
    finally:
        hub.close(feed)


@router.get("/events", response_class=EventSourceResponse)
async def events(
    request: Request, caller: SignedIn, feed: Annotated[Feed, Depends(open_feed)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: ``snapshot``, then ``interaction``, ``monitoring``, ``levels``,
    ``quality``, ``device`` and ``beat``.

    Interactions are coalesced (the latest state, at most every 200 ms); of one that ended and was
    never monitored only ``id``, ``state`` and why it cannot be monitored are told.

    A client that is too slow loses levels and quality first; then it gets a fresh ``snapshot``
    and reads the list again.
    """
    state = console(request)
    loop = asyncio.get_running_loop()
    next_beat = loop.time() + BEAT
    yield ServerSentEvent(retry=500)
    while not feed.closed:
        if feed.stale:
            yield _wire(state.hub.snapshot(feed))
        for event in feed.take():
            yield _wire(event)
        await feed.wait(max(0.0, next_beat - loop.time()))
        if loop.time() >= next_beat:
            next_beat = loop.time() + BEAT
            if not await caller.still_valid(state):
                return
            yield _wire(Event("beat", f'{{"as_of":"{wording.rfc3339(now())}"}}'))


def _wire(event: Event) -> ServerSentEvent:
    return ServerSentEvent(event=event.name, raw_data=event.data)
