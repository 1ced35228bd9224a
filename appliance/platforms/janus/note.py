"""What a later life must know of a leg. Janus keeps it for us: it is the description of the leg's
own room, which is private and shown only to who has the administrator's key.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.platforms.janus.wire import MAX_SDP, Identity


class Note(BaseModel):
    """Of one leg, written before its sound begins."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    call: Annotated[str, Field(min_length=1, max_length=128)]
    ear: Identity
    """The handle that listens."""
    answer: Annotated[str, Field(min_length=1, max_length=MAX_SDP)]
    """What the leg said to Janus's offer; Janus wants it again when a line gets another feed."""

    @classmethod
    def read(cls, text: object) -> Note | None:
        """None when it is none of ours. Never raises."""
        if not isinstance(text, str):
            return None
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
