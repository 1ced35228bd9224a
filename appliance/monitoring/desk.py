"""What the parts of the monitoring service share: the one session, its machine, the ways out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from appliance.control_link.client import LegError, LegLink, LegUnreachableError
from appliance.control_link.commands import Command
from appliance.control_link.events import Levels, Quality
from appliance.control_link.states import Press
from appliance.control_link.words import Gate
from appliance.monitoring.audit import Audit
from appliance.monitoring.check_view import CheckView
from appliance.monitoring.history import History
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.session import DeviceView, Ending, MonitoringView, Session
from appliance.monitoring.session_machine import SessionMachine, State
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.store import StoreError
from appliance.monitoring.watches import Watched
from appliance.platforms.protocol import Driver, Interaction
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alert:
    """A call that *account* watches for has begun, or has come to what it watches."""

    account: str
    interaction: Interaction
    because: tuple[Watched, ...]


Notice = MonitoringView | DeviceView | Levels | Quality | Alert | CheckView
Listener = Callable[[Notice], None]


@dataclass(slots=True, eq=False)
class Desk:
    """Shared by the service's parts; everything here is touched on the loop only."""

    settings: MonitoringSettings
    driver: Driver
    link: LegLink
    audit: Audit
    history: History
    book: InteractionBook
    jobs: Jobs
    machine: SessionMachine = field(default_factory=SessionMachine)
    session: Session | None = None
    last_session: Session | None = None
    """The one before, for whoever asks for the next."""
    last_end: Ending | None = None
    closed_by: set[object] = field(default_factory=set)
    """While there is one, nobody joins; each opens again what it closed itself."""
    device: DeviceView = field(default_factory=DeviceView)
    listeners: list[Listener] = field(default_factory=list)
    press_listeners: list[Callable[[Press], None]] = field(default_factory=list)
    """They hear of each press as it happens, and of none that is told later."""
    _waiters: list[asyncio.Future[None]] = field(default_factory=list)
    _shown: MonitoringView | None = None

    def running(self, session_id: str | None = None) -> Session | None:
        """The session (the one of that id, if given) unless it is ending."""
        session = self.session
        if session is None or session.ending is not None:
            return None
        return session if session_id in {None, session.id} else None

    @property
    def leg_silent(self) -> bool:
        """Whether the leg has said nothing for so long that its gate is unknown."""
        return time.monotonic() - self.link.heard_at > self.settings.unknown_after_s

    def view(self) -> MonitoringView:
        """What is shown now."""
        session = self.session
        if session is None:
            return MonitoringView(
                state=self.machine.state,
                muted=None if self.leg_silent else True,
                leg_connected=self.link.connected,
                headset=self.device.headset,
                last_end=self.last_end,
            )
        return MonitoringView(
            state=self.machine.state,
            muted=None if self.leg_silent else session.gate is not Gate.OPEN,
            leg_connected=self.link.connected,
            headset=self.device.headset,
            session_id=session.id,
            interaction=session.interaction,
            owner=session.owner.name,
            gate=session.gate,
            audience=session.audience,
            media=session.media,
            started_at=session.started_at,
            last_end=self.last_end,
            live_until=session.live_until,
            note=session.note,
            elapsed_s=(datetime.now(UTC) - session.started_at).total_seconds(),
        )

    def publish(self) -> None:
        """Show the change, if there is one, and wake whoever waits for it."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        session = self.running()
        self.book.set_running(
            session.running() if session else None, session.monitor() if session else None
        )
        view = self.view()
        if view != self._shown:
            self._shown = view
            self.tell(view)

    def tell(self, notice: Notice) -> None:
        """Call every listener."""
        for listener in tuple(self.listeners):
            listener(notice)

    async def until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until *condition* holds after a change; false when the time is over."""
        try:
            async with asyncio.timeout(limit_s):
                while not condition():
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            return condition()
        return True

    async def tell_leg(self, command: Callable[[int], Command]) -> bool:
        """Send a command whose failure changes nothing for us; logged, false when it failed."""
        try:
            await self.link.request(command)
        except (LegError, LegUnreachableError) as error:
            log.warning("the leg did not take a command: %s (%s)", error.detail, error.code)
            return False
        return True

    def write_down(self, writing: Coroutine[Any, Any, None], name: str) -> None:
        """Write to history in the background; the call goes on when the disk does not."""

        async def quietly() -> None:
            try:
                await writing
            except StoreError as error:
                log.error("%s was not written down: %s", name, error.detail)

        self.jobs.spawn(quietly(), name)

    def keep_curve(self, session: Session) -> None:
        """Write down how the running session sounded so far."""
        curve = session.curve
        if curve.points:
            writing = self.history.keep_curve(session.id, curve.step_s, curve.to_bytes())
            self.write_down(writing, "the curve so far")

    @property
    def idle(self) -> bool:
        """Whether a session may begin."""
        return self.machine.state is State.IDLE
