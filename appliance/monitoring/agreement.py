"""Gate and platform brought to agree, as often as it takes: closed gate, nobody hears.

A gate that nobody consented to is closed, and one that somebody asked to close is asked again until
the leg reports it closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from appliance.control_link.commands import CloseGate
from appliance.control_link.words import Audience, Gate
from appliance.monitoring.desk import Desk
from appliance.monitoring.session import Session
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

RETRY_S = 1.0


class Platform(Enum):
    """What the platform does with our voice when it is not known to give it to an audience."""

    NOBODY = "nobody"
    UNKNOWN = "unknown"


class Agreement:
    """Of the desk's session. *look_soon* has `settle` called, after what is being served."""

    def __init__(self, desk: Desk, look_soon: Callable[[], None]) -> None:
        self._desk = desk
        self._look_soon = look_soon
        self._retry: asyncio.TimerHandle | None = None
        self._platform: Audience | Platform = Platform.NOBODY
        self._of: Session | None = None

    def stop(self) -> None:
        """Try nothing again; gate and platform stay as they are."""
        if self._retry is not None:
            self._retry.cancel()

    def adopt(self, session: Session) -> None:
        """Take over a session whose audience on the platform a former life has set."""
        self._of = session
        self._platform = session.audience if session.gate is Gate.OPEN else Platform.UNKNOWN

    def asks(self, session: Session) -> None:
        """The platform is being asked to let somebody hear."""
        self._of, self._platform = session, Platform.UNKNOWN

    def consents(self, audience: Audience) -> None:
        """It lets *audience* hear, if the gate does."""
        self._platform = audience

    async def settle(self) -> None:
        """Make the platform agree with the gate, or the gate with the platform."""
        session = self._desk.running()
        if session is None:
            return
        if session is not self._of:
            self._of, self._platform = session, Platform.NOBODY
        if session.gate is Gate.OPEN and not session.silencing:
            if self._platform is session.audience:
                return
            log.warning("the gate is open without consent; closing it")
            session.silencing = True
            self.insist()
        elif session.silencing and session.gate is not Gate.CLOSED:
            self._try_again()  # it was asked to close just now
        if self._platform is not Platform.NOBODY:
            await self._silence(session)

    def insist(self) -> None:
        """Ask the leg to close what somebody asked it to close and it has not reported closed."""
        session = self._desk.running()
        if session is not None and session.silencing and session.gate is not Gate.CLOSED:
            self.close_gate(session)
            self._try_again()

    def close_gate(self, session: Session) -> None:
        """Have the leg close it, in the background."""

        async def close() -> None:
            await self._desk.tell_leg(lambda n: CloseGate(id=n, session_id=session.id))

        self._desk.jobs.spawn(close(), "close gate")

    async def _silence(self, session: Session) -> None:
        try:
            async with asyncio.timeout(self._desk.settings.platform_request_s):
                await self._desk.driver.set_audience(session.handle, None)
        except TimeoutError:
            self._not_told("no answer")
        except BargeboxError as fault:
            self._not_told(fault.detail)
        else:
            self._platform = Platform.NOBODY

    def _not_told(self, why: str) -> None:
        log.warning("the platform was not told to mute: %s", why)
        self._platform = Platform.UNKNOWN
        self._try_again()

    def _try_again(self) -> None:
        if self._retry is None:
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(RETRY_S, self._once_more)

    def _once_more(self) -> None:
        self._retry = None
        self.insist()
        self._look_soon()
