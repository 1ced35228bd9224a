"""The running monitoring session, and how the world outside sees it."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from appliance.control_link.events import Levels, Quality
from appliance.control_link.states import HeadsetState, Lamps
from appliance.control_link.words import Audience, EndReason, Gate, Media
from appliance.monitoring.curve import Curve, Point
from appliance.monitoring.history import BargeSpan, SessionRecord
from appliance.monitoring.policy import Account, Running
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import Interaction, Monitor

STEADY_S = 10.0
"""A leg that is lost sooner after an outage is part of the same one."""
KEEP_CURVE_S = 60.0
"""So much of the curve may be lost with the process: a disk of flash does not last for ever."""
TOLD_LATE_S = 0.5
"""A second's MOS is told at its end and belongs to its middle."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ends; ``code`` is the reason's, or that of the error behind a failure."""

    session_id: str
    reason: EndReason
    code: str
    detail: str
    at: datetime


@dataclass(slots=True, eq=False)
class Session:
    """One session from join to end. Gate and media are the leg's last reports, not intentions."""

    owner: Account
    interaction: Interaction
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    handle: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    media: Media = Media.CONNECTING
    gate: Gate = Gate.CLOSED
    audience: Audience = Audience.EVERYONE
    """Who hears the owner while the gate is open, and who will at the next press."""
    epoch: int = 0
    opened_epoch: int = -1
    """The newest epoch in which the gate was seen open."""
    live_since: float | None = None
    """When the gate opened, on the monotonic clock."""
    live_until: datetime | None = None
    """When the site's limit will close it."""
    note: str = ""
    """What the owner should read of what the box did, until the gate opens again."""
    barged_in: bool = False
    barges: list[BargeSpan] = field(default_factory=list)
    """When the owner was heard, as history will keep it whatever the disk took meanwhile."""
    closings: int = 0
    """How often somebody asked to mute: an un-mute asked for before is overtaken."""
    silencing: bool = False
    """Somebody asked to mute and the gate has not been seen closed since."""
    muted_by: str | None = None
    """Who asked to mute, until the gate was seen closed; None when nobody did."""
    quality: Quality | None = None
    curve: Curve = field(default_factory=Curve)
    """How it sounded so far, over its time."""
    curve_kept_at: float = field(default_factory=time.monotonic)
    """When the curve was written down last; on the monotonic clock."""
    ours: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the platform takes orders for the leg from this life of the process."""
    joining: asyncio.Task[None] | None = None
    """Joining, or taking up again in a new life of the process."""
    reconnecting: asyncio.Task[None] | None = None
    """Making a fresh leg."""
    taken_away: str = ""
    """The handle of a leg of ours that the platform gave up for dead."""
    given_up: bool = False
    """What the leg hears is of a connection that the platform gave up or that is being left."""
    away_since: float = field(default_factory=time.monotonic)
    """When the sound went, last; on the monotonic clock."""
    back_since: float = -math.inf
    """When it came back, last."""
    ending: Ending | None = None
    reason: str = ""
    """Why it is monitored, where the site asks or it was said."""
    begun: float = field(default_factory=time.monotonic)
    """When this life of the process took the session up, on the monotonic clock."""
    age_s: float = field(init=False)
    """How old the session was then."""

    def __post_init__(self) -> None:
        self.age_s = max(0.0, (datetime.now(UTC) - self.started_at).total_seconds())
        if not self.handle:
            self.handle = f"bargebox-{self.id}"

    def went_live(self, limit_s: float | None) -> None:
        """The gate is open, for *limit_s* at most."""
        if self.live_since is not None:
            return  # to others now; the limit is on being heard at all
        self.live_since, self.note = time.monotonic(), ""
        if limit_s is not None:
            self.live_until = datetime.now(UTC) + timedelta(seconds=limit_s)

    @property
    def away_s(self) -> float:
        """For how long there has been no sound of ours; 0 while there is, or was none yet."""
        away = self.given_up or self.media in {Media.INTERRUPTED, Media.LOST}
        away |= self.media is Media.CONNECTING and self.is_lost
        return time.monotonic() - self.away_since if away else 0.0

    @property
    def is_lost(self) -> bool:
        """Whether its leg is dead, and a fresh one is being made."""
        return self.reconnecting is not None and not self.reconnecting.done()

    @property
    def is_shaken(self) -> bool:
        """Whether there is an outage, or its end is so fresh that it may still cost the leg."""
        fresh = time.monotonic() - self.back_since < STEADY_S
        return fresh or self.is_lost or self.away_s > 0

    def measured(self, event: Levels | Quality) -> None:
        """The leg told how it sounds."""
        at_s = self.age_s + time.monotonic() - self.begun
        if isinstance(event, Quality):
            self.quality = event
            self.curve.take(at_s - TOLD_LATE_S, Point(mos=event.mos))
        else:
            self.curve.take(at_s, Point(call=event.downlink, microphone=event.uplink))

    def curve_is_due(self) -> bool:
        """Whether the curve is to be written down again; says so once."""
        due = time.monotonic() - self.curve_kept_at >= KEEP_CURVE_S
        if due:
            self.curve_kept_at = time.monotonic()
        return due

    def new_handle(self) -> str:
        """A handle for a fresh leg; unlike all before, also those of a former life."""
        self.handle = f"bargebox-{self.id}-{secrets.token_hex(3)}"
        return self.handle

    def record(self, platform: str) -> SessionRecord:
        """The session as history keeps it while it runs."""
        return SessionRecord(
            id=self.id,
            handle=self.handle,
            platform=platform,
            supervisor=self.owner.name,
            interaction=self.interaction,
            started_at=self.started_at,
            reason=self.reason,
        )

    def monitor(self) -> Monitor:
        """The session as an entry of its interaction's monitors."""
        if self.ending is None:
            return Monitor(self.owner.name, self.barged_in, self.started_at)
        sound = self.quality.session if self.quality else None
        return Monitor(self.owner.name, self.barged_in, self.started_at, self.ending.at, sound)

    def running(self) -> Running:
        """The session as what the box is busy with."""
        return Running(self.id, self.interaction.id, self.owner.name)


@dataclass(frozen=True, slots=True)
class MonitoringView:
    """What a person is shown. ``muted`` is ``None`` when nobody can know: never show it as muted.

    ``last_end`` is how the session before ended, or the one shown, once it has.
    """

    state: State
    muted: bool | None
    leg_connected: bool
    headset: HeadsetState
    session_id: str | None = None
    interaction: Interaction | None = None
    owner: str | None = None
    gate: Gate | None = None
    audience: Audience = Audience.EVERYONE
    media: Media | None = None
    started_at: datetime | None = None
    last_end: Ending | None = None
    live_until: datetime | None = None
    """When the site's limit closes the open gate."""
    note: str = ""
    """What the owner should read of what the box did."""
    elapsed_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class DeviceView:
    """The box itself as the leg process reports it."""

    leg_connected: bool = False
    leg_id: str = ""
    board: str = ""
    headset: HeadsetState = field(default_factory=HeadsetState)
    lamps: Lamps = field(default_factory=Lamps)
    volume: int = 0
