"""Messages of the queue: camelCase or kebab-case, and whose session they are for."""

from __future__ import annotations

import re
import uuid
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from appliance.platforms.cxengage.jsontext import load
from appliance.platforms.cxengage.oddities import Oddities

MOST = 1024 * 1024
"""Characters of a body; the queue's own limit."""
TYPES = frozenset(
    {
        "agent-notification",
        "work-offer",
        "resource-state-change",
        "resource-direction-change",
        "send-script",
        "send-message",
    }
)
UNACKNOWLEDGED = frozenset({"send-script", "send-message"})
NO_INTERACTION = "00000000-0000-0000-0000-000000000000"

Word = Annotated[str, Field(max_length=200)]


class Whose(Enum):
    """For which session a message is."""

    NOBODY = "nobody"
    OLDER = "older"
    OURS = "ours"
    NEWER = "newer"


class Part(BaseModel):
    """Common form."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True
    )


class Resource(Part):
    """The resource of a message may carry the session."""

    session_id: Word | None = None


class Extra(Part):
    """What a notification adds."""

    target_resource: Word | None = None


class Message(Part):
    """One message."""

    type: Word = ""
    notification_type: Word | None = None
    session_id: Word | None = None
    tenant_id: Word | None = None
    interaction_id: Word | None = None
    resource_id: Word | None = None
    action_id: Word | None = None
    sub_id: Word | None = None
    resource: Resource | None = None
    extra_params: Extra | None = None

    @property
    def session(self) -> str | None:
        """The session's id, wherever it stands."""
        return self.session_id or (self.resource.session_id if self.resource else None) or None

    @property
    def wants_acknowledgement(self) -> bool:
        """Whether the platform waits for it."""
        return bool(
            self.action_id
            and self.interaction_id
            and self.interaction_id != NO_INTERACTION
            and self.type not in UNACKNOWLEDGED
        )

    def whose(self, ours: str) -> Whose:
        """Compare with our session: version-1 UUIDs tell which was made first (RFC 9562 5.1)."""
        if self.session is None:
            return Whose.NOBODY
        if self.session == ours:
            return Whose.OURS
        theirs, mine = _made_at(self.session), _made_at(ours)
        # One that cannot be placed in time could be somebody else's: it is left to them.
        return Whose.OLDER if None not in (theirs, mine) and theirs < mine else Whose.NEWER  # type: ignore[operator]


def parse(body: str, oddities: Oddities) -> Message | None:
    """The message in *body*; None for what is none. Raises nothing."""
    if len(body) > MOST:
        oddities.note("message", "longer than the queue allows")
        return None
    try:
        data = load(body)
        message = Message.model_validate(_camel(data)) if isinstance(data, dict) else None
    except ValueError:  # pydantic's is one too
        message = None
    if message is None:
        oddities.note("message", "not in a known form")
        return None
    if message.type not in TYPES:
        oddities.met("message type", message.type)
    if message.type == "agent-notification":
        oddities.fields("a notification", message.model_extra or ())
    return message


def _camel(data: dict[str, Any]) -> dict[str, Any]:
    """Keys in camelCase, two levels deep; where both spellings are there, camelCase wins."""
    out: dict[str, Any] = {}
    for key, value in data.items():
        name = re.sub(r"-+(\w)", lambda match: match[1].upper(), key)
        if name in out and name != key:
            continue
        nested = name in ("resource", "extraParams") and isinstance(value, dict)
        out[name] = _camel(value) if nested else value
    return out


def _made_at(session: str) -> int | None:
    try:
        parsed = uuid.UUID(session)
    except ValueError:
        return None
    return parsed.time if parsed.version == 1 else None
