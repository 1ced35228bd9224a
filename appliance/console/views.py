"""The JSON shapes of the API. Times are UTC, RFC 3339 with ``Z``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema

from appliance.console import wording
from appliance.console.ports import Ports
from appliance.console.sound_views import SoundOut
from appliance.control_link.states import CheckResult, HeadsetState, Lamps
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.interactions import Row
from appliance.monitoring.policy import Refusal
from appliance.monitoring.session import DeviceView, Ending, MonitoringView
from appliance.monitoring.terms import Terms
from appliance.platforms.protocol import Interaction

Moment = Annotated[
    datetime,
    PlainSerializer(wording.rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


VIRTUAL = "virtual"
"""The board without pins: its buttons are on the page."""

_BUSY = Refusal("busy", "This call is being monitored.")


class AgentOut(BaseModel):
    """An agent on a call."""

    id: str
    name: str


class MonitorOut(BaseModel):
    """Someone who monitors (no ``ended_at``) or monitored."""

    supervisor: str
    barged_in: bool
    started_at: Moment
    ended_at: Moment | None
    sound: SoundOut | None
    """How the call was heard, once a session of this box has ended."""


class InteractionOut(BaseModel):
    """A call on the tenant, as the signed-in account may use it."""

    id: str
    channel: str
    direction: str
    agents: list[AgentOut]
    customer: str
    contact_point: str
    queue: str
    flow: str
    state: str
    started_at: Moment
    monitorable: bool
    not_monitorable_reason: str | None
    monitors: list[MonitorOut]

    @classmethod
    def of(cls, row: Row) -> Self:
        """A row of the book."""
        return cls.of_interaction(row.interaction, row.refusal)

    @classmethod
    def of_interaction(cls, call: Interaction, refusal: Refusal | None) -> Self:
        """An interaction with the account's own answer to "may I monitor it"."""
        return cls(
            id=call.id,
            channel=call.channel,
            direction=call.direction,
            agents=[AgentOut(id=a.id, name=a.name) for a in call.agents],
            customer=call.customer,
            contact_point=call.contact_point,
            queue=call.queue,
            flow=call.flow,
            state=call.state,
            started_at=call.started_at,
            monitorable=refusal is None,
            not_monitorable_reason=None if refusal is None else refusal.code,
            monitors=[
                MonitorOut(
                    supervisor=m.supervisor,
                    barged_in=m.barged_in,
                    started_at=m.started_at,
                    ended_at=m.ended_at,
                    sound=SoundOut.of(m.sound),
                )
                for m in call.monitors
            ],
        )


class EndedInteractionOut(BaseModel):
    """An interaction that has left the list: all that an event still says of it."""

    id: str
    state: str = "ended"
    monitorable: bool = False
    not_monitorable_reason: str = EndReason.CALL_ENDED


class PlatformOut(BaseModel):
    """The call platform; ``detail`` says what to do when it cannot be reached."""

    name: str
    connected: bool
    detail: str = ""

    @classmethod
    def of(cls, ports: Ports) -> Self:
        """As the driver tells it."""
        connection = ports.book.connection
        return cls(
            name=ports.platform.name, connected=connection.connected, detail=connection.detail
        )


class InteractionList(BaseModel):
    """One page of the list; ``total`` counts all pages."""

    items: list[InteractionOut]
    total: int
    as_of: Moment
    platform: PlatformOut


class EndOut(BaseModel):
    """How the last session ended."""

    session_id: str
    reason: EndReason
    detail: str
    at: Moment

    @classmethod
    def of(cls, end: Ending) -> Self:
        """The domain's reason and words."""
        return cls(session_id=end.session_id, reason=end.reason, detail=end.detail, at=end.at)


class TermsOut(BaseModel):
    """What `POST` of *monitor* has to bring: ``confirmed``, where there is a text to confirm, and
    a ``reason``, one of ``reasons`` where there are any.
    """

    confirmation: str
    ask_reason: bool
    reasons: list[str]

    @classmethod
    def of(cls, terms: Terms) -> Self:
        """From the domain."""
        return cls(
            confirmation=terms.confirmation,
            ask_reason=terms.ask_reason,
            reasons=list(terms.reasons),
        )


class MonitoringOut(BaseModel):
    """The monitoring session; ``muted`` null means that nobody knows, never that it is muted."""

    state: str
    session_id: str | None = None
    interaction: InteractionOut | None = None
    owner: str | None = None
    muted: bool | None = None
    audience: Audience | None = None
    media: str | None = None
    started_at: Moment | None = None
    live_until: Moment | None = None
    """While live: when the site's limit mutes."""
    note: str = ""
    """What the box did that its owner should know, until they are live again."""
    last_end: EndOut | None = None

    @classmethod
    def of(cls, view: MonitoringView) -> Self:
        """While idle only the state and the last end."""
        end = None if view.last_end is None else EndOut.of(view.last_end)
        if view.state == "idle":
            return cls(state="idle", last_end=end)
        call = view.interaction
        return cls(
            state=view.state,
            session_id=view.session_id,
            interaction=None if call is None else InteractionOut.of_interaction(call, _BUSY),
            owner=view.owner,
            muted=view.muted,
            audience=view.audience,
            media=view.media,
            started_at=view.started_at,
            live_until=view.live_until,
            note=view.note,
            last_end=end,
        )

    def body(self) -> dict[str, Any]:
        """For JSON: a session keeps ``muted`` also when null, an idle box says only so."""
        idle = self.state == "idle"
        return self.model_dump(mode="json", exclude_none=idle, exclude={"note"} if idle else None)


class DeviceOut(BaseModel):
    """The box: board, headset, lamps, volume in percent."""

    board: str
    virtual: bool
    connected: bool
    headset: HeadsetState
    lamps: Lamps
    volume: Annotated[int, Field(ge=0, le=100)]

    @classmethod
    def of(cls, view: DeviceView) -> Self:
        """From the port's view."""
        return cls(
            board=view.board,
            virtual=view.board == VIRTUAL,
            connected=view.leg_connected,
            headset=view.headset,
            lamps=view.lamps,
            volume=view.volume,
        )


class SelfTestOut(BaseModel):
    """What was checked, line by line, and whether all of it passed."""

    checks: list[CheckResult]
    passed: bool

    @classmethod
    def of(cls, checks: list[CheckResult]) -> Self:
        """From the lines."""
        return cls(checks=checks, passed=all(check.passed for check in checks))


def platform_check(ports: Ports) -> CheckResult:
    """The self-test's line on the call platform."""
    platform = PlatformOut.of(ports)
    words = f"connected to {platform.name}"
    if not platform.connected:
        words = platform.detail or f"{platform.name} cannot be reached"
    return CheckResult(name="platform", passed=platform.connected, detail=words)


class AccountOut(BaseModel):
    """The signed-in account."""

    user: str
    permissions: list[str]
    must_change_password: bool


def now() -> datetime:
    """The time of an answer."""
    return datetime.now(UTC)
