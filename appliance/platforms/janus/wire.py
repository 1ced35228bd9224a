"""What Janus sends over its WebSocket (its "JSON API"), as far as this driver reads it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_MESSAGE = 8 * 1024 * 1024
"""Bytes one message may have: some ten thousand rooms in one list."""

MAX_SDP = 64 * 1024
"""Characters of a session description."""

VIDEOROOM = "janus.plugin.videoroom"
AUDIOBRIDGE = "janus.plugin.audiobridge"

UNAUTHORIZED, UNAUTHORIZED_PLUGIN = 403, 405
SESSION_NOT_FOUND, HANDLE_NOT_FOUND, SESSION_CONFLICT = 458, 459, 468
GONE = frozenset({SESSION_NOT_FOUND, HANDLE_NOT_FOUND})
UNEXPECTED_ANSWER = 469
VIDEOROOM_NO_SUCH_ROOM, VIDEOROOM_ROOM_EXISTS, VIDEOROOM_NO_SUCH_FEED = 426, 427, 428
VIDEOROOM_UNAUTHORIZED = 433
AUDIOBRIDGE_NO_SUCH_ROOM, AUDIOBRIDGE_ROOM_EXISTS = 485, 486
AUDIOBRIDGE_ALREADY_JOINED, AUDIOBRIDGE_NO_SUCH_USER = 491, 492

Identity = Annotated[int, Field(ge=1, lt=2**64)]


class Part(BaseModel):
    """Common form: what we do not read is left aside."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Fault(Part):
    """Why a request was refused by Janus itself."""

    code: int = 0
    reason: Annotated[str, Field(max_length=2000)] = ""


class Identified(Part):
    """The session or handle that was made."""

    id: Identity


class Jsep(Part):
    """A session description."""

    type: Literal["offer", "answer"]
    sdp: Annotated[str, Field(min_length=1, max_length=MAX_SDP)]


class PluginData(Part):
    """What a plugin says."""

    plugin: str = ""
    data: dict[str, Any] = {}


class Message(Part):
    """Any message: a reply, where *transaction* is one of ours, or an event."""

    janus: Annotated[str, Field(max_length=64)]
    transaction: Annotated[str, Field(max_length=64)] | None = None
    session_id: Identity | None = None
    sender: Identity | None = None
    reason: Annotated[str, Field(max_length=2000)] = ""
    data: Identified | None = None
    plugindata: PluginData | None = None
    jsep: Jsep | None = None
    error: Fault | None = None
