"""The settings of monitoring: how long control waits for what."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from appliance.control_link.base import IceServer

Seconds = Annotated[float, Field(gt=0, le=3600)]

MAX_REASON = 200
"""Characters of a reason to monitor."""


def _plain(text: str) -> str:
    if not all(character.isprintable() or character == "\n" for character in text):
        raise ValueError("leave out the characters that cannot be printed")
    return text


Words = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_plain)]


def _one_line(text: str) -> str:
    return " ".join(text.split())


Reason = Annotated[
    Words, AfterValidator(_one_line), StringConstraints(min_length=1, max_length=MAX_REASON)
]


SiteWords = Annotated[
    Words, StringConstraints(max_length=2000), Field(json_schema_extra={"format": "words"})
]
"""A text of the site's own, of several lines."""


class MonitoringSettings(BaseModel):
    """Section ``monitoring``; all times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    join_limit_s: Seconds = 10.0
    """From the Monitor click to the first media; longer is a failure and is undone."""

    platform_request_s: Seconds = 5.0
    """The longest wait for one answer of the platform, above the driver's own limit."""

    platform_lost_after_s: Seconds = 30.0
    """Signalling may be away this long before the session ends with ``platform_lost``."""

    reconnect_limit_s: Annotated[float, Field(ge=0, le=60)] = 30.0
    """The sound may be away this long, while fresh legs are tried, before the session ends with
    ``media_lost``; 0 tries none."""

    headset_lost_after_s: Seconds = 60.0
    """The headset may be unplugged this long before the session ends with ``headset_lost``."""

    leg_lost_after_s: Seconds = 5.0
    """The leg may be silent this long; by then it has hung up by itself."""

    unknown_after_s: Seconds = 2.0
    """With the leg silent for longer, the microphone is shown as unknown."""

    resume_window_s: Seconds = 10.0
    """After a start, how long a session of the former life waits for the leg to show up."""

    call_end_grace_s: Annotated[float, Field(ge=0, le=0.15)] = 0.1
    """A call that vanished from the list waits this long for the platform to say who ended it."""

    barge_limit_s: Seconds | None = None
    """The longest a barge may last before the gate is closed; none by default."""

    confirmation: SiteWords = ""
    """A text that has to be confirmed before each call is monitored; empty: none."""

    ask_reason: bool = False
    """A reason has to be given before each call is monitored; it is kept on record."""

    reasons: Annotated[list[Reason], Field(max_length=50)] = []
    """The reasons to choose from, with ``ask_reason``; empty: any words."""

    history_shown: Annotated[int, Field(ge=0, le=10_000)] = 1000
    """Ended sessions that the list of interactions remembers; history itself keeps all."""

    audit_keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Rows of the audit log that are older are removed; by default all are kept."""

    audit_head_every_s: Seconds = 900.0
    """How often the audit log's signed head is told in the log, besides at the end."""

    ice_servers: list[IceServer] = []
    """STUN and TURN servers that the leg uses."""

    @model_validator(mode="after")
    def _reasons_are_asked_for(self) -> Self:
        if self.reasons and not self.ask_reason:
            raise ValueError("reasons are given and not asked for; set ask_reason = true as well")
        if len(set(self.reasons)) < len(self.reasons):
            raise ValueError("reasons: one is there twice; leave one out")
        return self
