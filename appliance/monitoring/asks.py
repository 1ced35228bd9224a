"""Wishes to un-mute, waiting to be served one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace

from appliance.control_link.words import Audience
from appliance.monitoring.policy import Account, RefusedError
from appliance.monitoring.session import Session
from appliance.service.errors import BargeboxError

MAX_ASKS = 8
BUTTON = "button"


@dataclass(slots=True, eq=False)
class Ask:
    """One wish to un-mute; ``epoch`` is the button's, or given when the gate is prepared."""

    session: Session
    account: Account
    audience: Audience
    via: str
    epoch: int | None = None
    begun: bool = False
    """The gate may be waiting for our consent."""
    consented: bool = False
    """The gate was told to open."""
    only: int | None = None
    """The epoch of the open gate that is to be heard by others, and that nobody asked to open."""
    closings: int = field(init=False)
    """How often the session had been muted when this was asked for."""
    done: asyncio.Future[None] = field(init=False)

    def __post_init__(self) -> None:
        self.closings = self.session.closings
        self.done = asyncio.get_running_loop().create_future()

    @property
    def overtaken(self) -> bool:
        """Whether somebody muted since, or whoever asked has gone."""
        return self.closings != self.session.closings or self.done.done()

    def answer(self, fault: BargeboxError | None) -> None:
        """Tell whoever waits how it went; the first answer stays."""
        if self.done.done():
            return
        if fault is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(fault)
            self.done.exception()  # nobody waits for the button's


class Asks:
    """At most eight wait: a further request is refused, a further press replaces the one before."""

    def __init__(self) -> None:
        self._waiting: deque[Ask] = deque()
        self._turn: Ask | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def any_open(self) -> bool:
        """Whether one waits, or has its turn and no answer yet."""
        return bool(self._waiting) or (self._turn is not None and not self._turn.done.done())

    def add(self, ask: Ask) -> None:
        """Let *ask* wait for its turn. Raises `RefusedError` ``busy``."""
        if ask.via == BUTTON:
            # Only the newest press counts: the gate was closed since the ones before.
            self._drop([other for other in self._waiting if other.via == BUTTON])
        elif len(self._waiting) >= MAX_ASKS:
            raise RefusedError("Too many requests at once. Try again.", code="busy")
        self._waiting.append(ask)

    def take(self) -> Ask:
        """The one whose turn it is."""
        self._turn = self._waiting.popleft()
        return self._turn

    def narrow(self, account: Account) -> None:
        """Whoever waits, or has the turn, may no more than this *account* may now."""
        for ask in (*self._waiting, self._turn):
            if ask is not None and ask.account.name == account.name:
                may = ask.account.permissions & account.permissions
                ask.account = replace(ask.account, permissions=may)

    def overtake(self) -> None:
        """Somebody muted: nobody who waits gets a turn."""
        self._drop(list(self._waiting))

    def _drop(self, asks: list[Ask]) -> None:
        for ask in asks:
            self._waiting.remove(ask)
            ask.answer(overtaken())


def overtaken() -> RefusedError:
    """The answer to a wish that came before somebody muted."""
    return RefusedError("Somebody muted meanwhile.", code="stale")
