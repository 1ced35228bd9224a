"""A new administrator password for whoever stands at the box.

Both buttons, held ten seconds in idle, open it. A browser asks, and the page shows a number: that
many presses of the microphone button say that the one who sees the page is the one who stands
there. Only one browser may ask: a second one closes it for both, since nobody could tell which
of them the presses were meant for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from appliance.console.ports.monitoring import Monitoring, Notice
from appliance.console.ports.records import AuditLog
from appliance.console.recovery_request import Asked, new_secret
from appliance.console.settings import ConsoleError
from appliance.control_link.states import Press
from appliance.control_link.words import Action, Button
from appliance.monitoring.audit import Entry
from appliance.monitoring.presses import NOBODY
from appliance.monitoring.session import DeviceView, MonitoringView
from appliance.monitoring.session_machine import State as SessionState
from appliance.service.errors import BargeboxError
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

OPEN_S: Final = 300.0
FRESH_S: Final = 3.0
"""A press that is told later means something else."""
LOOK_S: Final = 1.0
"""Between two looks at the clock, so that the lamps tell the truth though nobody asks."""


class Stage(StrEnum):
    """What a browser sees of it."""

    CLOSED = "closed"
    OPEN = "open"
    WAITING = "waiting"
    CONFIRMED = "confirmed"


class Why(StrEnum):
    """Why it was closed."""

    TIME = "time"
    TWO = "two"
    WRONG = "wrong"
    CANCELLED = "cancelled"
    CALL = "call"
    UNHEARD = "unheard"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one browser is told; the numbers only to the one that asked."""

    stage: Stage
    presses: int = 0
    seconds: int = 0
    why: Why | None = None


class BoxRecovery:
    """At most one at a time, and none in a call. On the loop only."""

    def __init__(
        self,
        monitoring: Monitoring,
        audit: AuditLog,
        from_afar: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monitoring, self._audit, self._clock = monitoring, audit, clock
        self._from_afar = from_afar
        """A press may be one of the page's, at a board without buttons: of somebody anywhere."""
        self._jobs = Jobs()
        self._until: float | None = None
        self._asked: Asked | None = None
        self._over: tuple[frozenset[str], Why] = frozenset(), Why.TIME
        """Who is told why the last one was closed."""
        self._unlisten: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Hear the buttons."""
        self._unlisten = [
            self._monitoring.listen_presses(self._pressed),
            self._monitoring.listen(self._noticed),
        ]

    async def stop(self) -> None:
        """Close it, and hear them no more."""
        for unlisten in self._unlisten:
            unlisten()
        self._unlisten = []
        self._close(Why.TIME)
        await self._jobs.finish(1.0)

    @property
    def is_open(self) -> bool:
        """Somebody may ask, or has asked."""
        self.settle()
        return self._until is not None

    def ask(self, told: dict[str, JsonValue]) -> str:
        """Ask for it; the secret that the browser keeps. Raises `ConsoleError`."""
        if not self.is_open:
            raise ConsoleError(
                409, "recovery_closed", "Hold both buttons of the box for ten seconds first."
            )
        self._note("recovery_asked", told)
        if self._asked is not None:
            secret = new_secret()
            self._close(Why.TWO, secret)
            raise ConsoleError(
                409,
                "recovery_twice",
                "Two browsers asked, and the box cannot tell which of them is yours. Hold both "
                "buttons again, and ask once.",
            )
        self._asked = Asked(self._clock())
        self._later()
        return self._asked.secret

    def seen_by(self, secret: str) -> Seen:
        """How it stands for the browser with *secret*."""
        self.settle()
        asked = self._asked
        if self._until is None:
            owners, why = self._over
            return Seen(Stage.CLOSED, why=why if secret in owners else None)
        if asked is None or not asked.is_by(secret):
            return Seen(Stage.OPEN)
        if asked.confirmed_at is None:
            return Seen(Stage.WAITING, asked.presses, self._left(asked.until))
        return Seen(Stage.CONFIRMED, 0, self._left(asked.until))

    def require_confirmed(self, secret: str) -> None:
        """Raise `ConsoleError` unless that browser's person stands at the box."""
        if self.seen_by(secret).stage is not Stage.CONFIRMED:
            raise ConsoleError(
                403, "recovery_unconfirmed", "Ask again, and press the box's button as it says."
            )

    def done(self) -> None:
        """A password was set."""
        self._close(Why.DONE)

    # -- what happens at the box

    def _pressed(self, press: Press) -> None:
        self.settle()
        if not -FRESH_S <= self._clock() - press.at <= FRESH_S:
            return
        if self._from_afar():
            return
        if press.action is Action.PROVISIONING_ASKED:
            self._open()
        elif self._until is None:
            return
        elif press.action is not Action.IGNORED:
            self._close(Why.CALL)
        elif press.button is Button.HANG_UP:
            self._close(Why.CANCELLED)
        elif self._asked is not None and self._asked.confirmed_at is None:
            if self._asked.press(self._clock()):
                self._later()
            else:
                self._close(Why.WRONG)

    def _noticed(self, notice: Notice) -> None:
        if self._until is None:
            return
        if isinstance(notice, MonitoringView) and _in_call(notice):
            self._close(Why.CALL)
        elif isinstance(notice, DeviceView) and not notice.leg_connected:
            self._close(Why.UNHEARD)  # a press would be missed, and the lamps tell of nothing

    def _open(self) -> None:
        if _in_call(self._monitoring.current()):
            return
        if self._until is not None:
            self._close(Why.CANCELLED)
        self._until = self._clock() + OPEN_S
        self._note("recovery_opened", {})
        self._show(True)
        self._later()

    def settle(self) -> None:
        """Do what time does."""
        if self._until is None:
            return
        now = self._clock()
        if now >= (self._until if self._asked is None else self._asked.settle(now)):
            self._close(Why.TIME)
        else:
            self._later()

    def _later(self) -> None:
        """Look again soon."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self.settle)

    def _close(self, why: Why, *more: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._until is None:
            return
        owners = {self._asked.secret} if self._asked is not None else set()
        self._over = frozenset({*owners, *more}), why
        self._until = self._asked = None
        self._note("recovery_closed", {"reason": why.value})
        self._show(False)

    def _show(self, on: bool) -> None:
        async def show() -> None:
            try:
                await self._monitoring.show_recovery(on)
            except BargeboxError as error:
                log.warning("the lamps do not tell of the recovery: %s", error.detail)

        self._jobs.spawn(show(), "recovery lamps")

    def _note(self, action: str, detail: dict[str, JsonValue]) -> None:
        self._audit.note(Entry(NOBODY, action, detail=detail))

    def _left(self, until: float) -> int:
        return max(0, round(until - self._clock()))


def _in_call(view: MonitoringView) -> bool:
    return view.state not in (SessionState.IDLE, SessionState.ENDED)
