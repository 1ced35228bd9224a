"""Janus: its messages as a leg and the directory hear them, and the rooms that are calls."""

from __future__ import annotations

import contextlib
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import from_json

from appliance.platforms.janus import directory, link, wire
from appliance.platforms.janus.ear import MAX_LINES
from appliance.platforms.janus.leg import JanusLeg
from appliance.platforms.janus.link import JanusRefusedError, Link
from appliance.platforms.janus.rooms import Book, read_call
from appliance.platforms.janus.session import Session, _identity
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import LegPort, PlatformError

CALL = read_call("call", '{"started_at": "2026-11-28T00:00:00Z", "monitoring": "on"}')


def messages(data: bytes) -> None:
    """Messages, one a line: each as an event of a leg's session, and as the reply to a request."""
    assert CALL is not None
    session = Session(cast(Link, None), 1)
    ours = JanusLeg(JanusSettings(), session, "handle", CALL, cast(LegPort, None))
    ours.ear.handle_id, ours.voice.handle_id = 1, 2
    for line in data.split(b"\n")[:50]:
        try:
            message = wire.Message.model_validate_json(line)
        except ValidationError:
            continue
        ours.heard(message)
        with contextlib.suppress(JanusRefusedError):
            _answered(ours, link._accepted(message))


def _answered(ours: JanusLeg, reply: wire.Message) -> None:
    told: dict[str, Any] = reply.plugindata.data if reply.plugindata else {}
    ours.ear._take(told, reply.jsep)
    assert len(ours.ear.lines) <= MAX_LINES
    Book().take(directory._listed(told.get("list")))
    with contextlib.suppress(PlatformError):
        _identity(reply)


def rooms(data: bytes) -> None:
    """A room's description, and a list of rooms that was looked at twice."""
    read_call("room", data.decode(errors="replace"))
    try:
        listed = directory._listed(from_json(data))
    except ValueError:
        return
    book = Book()
    book.take(listed)
    assert book.take(listed) == []
