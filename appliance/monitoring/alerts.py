"""Tells accounts when a call begins that they watch for, or comes to what they watch.

What changes is compared with what was known before, so a call is told of once, however often it
changes, and none of those that were there when the box came. Looking costs next to nothing: only
who it may concern is asked for in the database.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from appliance.control_link.commands import Announce
from appliance.control_link.words import EndReason
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.desk import Alert, Desk
from appliance.monitoring.policy import Account, monitor_refusal
from appliance.monitoring.session_machine import State
from appliance.monitoring.store import StoreError
from appliance.monitoring.watches import Key, Watched, Watches, chosen, keys
from appliance.platforms.protocol import Interaction

log = logging.getLogger(__name__)

MAX_CALLS = 10_000
"""Calls kept in mind, to tell of each once; the oldest are forgotten first."""
MAX_AT_ONCE = 5
"""Calls told of one by one to one account at one time; more are counted."""
ROUND_S = 0.2
ANNOUNCE_S = 5.0
"""The box says it at most so often."""
FOR_GOOD = frozenset({EndReason.NOT_PERMITTED, EndReason.OWN_CALL})
"""Refusals that do not pass by themselves while the call goes on."""


@dataclass(slots=True)
class _Call:
    """Who may be concerned by a call, and has not been told; and who has."""

    waiting: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)


class Alerts:
    """On the loop only; `changed` and `replaced` are synchronous and look at memory alone."""

    def __init__(self, desk: Desk, watches: Watches, accounts: Accounts) -> None:
        self._desk = desk
        self._watches = watches
        self._accounts = accounts
        self._met = False
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._due: set[str] = set()
        self._wake = asyncio.Event()
        self._announced_at = -ANNOUNCE_S

    # -- what the platform reports

    def changed(self, before: Interaction | None, after: Interaction) -> None:
        """An interaction is new, or is not as it was *before*."""
        known = self._calls.get(after.id)
        if after.state == "ended":
            self._calls.pop(after.id, None)
            return
        if not self._met:
            return
        if self._watches and (
            before is None or (before.agents, before.queue) != (after.agents, after.queue)
        ):
            fresh = set(keys(after)).difference(keys(before) if before else ())
            known = self._concern(after.id, known, fresh)
        if known is not None and known.waiting:
            self._due.add(after.id)
            self._wake.set()

    def replaced(self, before: Mapping[str, Interaction]) -> None:
        """The platform told all of its interactions anew; those *before* were known."""
        active = self._desk.book.active
        for gone in self._calls.keys() - active.keys():
            del self._calls[gone]
        if self._met:
            for interaction in active.values():
                self.changed(before.get(interaction.id), interaction)
        self._met = True

    def _concern(self, call_id: str, known: _Call | None, fresh: Iterable[Key]) -> _Call | None:
        names = {name for key in fresh for name in self._watches.watchers(key)}
        if not names:
            return known
        if known is None:
            known = self._calls[call_id] = _Call()
            if len(self._calls) > MAX_CALLS:
                self._calls.popitem(last=False)
        known.waiting |= names - known.told
        return known

    # -- who is told

    async def run(self) -> None:
        """For ever: tell whom a call concerns, at once, then at most each 0.2 s."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, set()
            concerned: defaultdict[str, list[str]] = defaultdict(list)
            for call_id in due:
                for name in self._waiting(call_id):
                    concerned[name].append(call_id)
            for name, call_ids in concerned.items():
                try:
                    await self._look(name, call_ids)
                except StoreError as error:
                    log.warning("%s was not told of watched calls: %s", name, error.detail)
            await asyncio.sleep(ROUND_S)

    def _waiting(self, call_id: str) -> tuple[str, ...]:
        call = self._calls.get(call_id)
        return tuple(call.waiting) if call else ()

    async def _look(self, name: str, call_ids: Iterable[str]) -> None:
        account = await self._accounts.get(name)
        watched = await self._watches.of(name)
        if account is None:  # removed or renamed: the watches in memory are out of date
            await self._watches.load()
        alerts = []
        for call_id in call_ids:
            alert = self._judge(name, account, watched, call_id)
            if alert is not None:
                alerts.append(alert)
        alerts.sort(key=lambda alert: alert.interaction.started_at)
        for alert in alerts[-MAX_AT_ONCE:]:
            self._desk.tell(alert)
        if (more := len(alerts) - MAX_AT_ONCE) > 0:
            log.info("%d further calls that %s watches for began at once", more, name)

    def _judge(
        self, name: str, account: Account | None, watched: Iterable[Watched], call_id: str
    ) -> Alert | None:
        """The alert, if it is due; what may become due later goes on waiting."""
        call, interaction = self._calls.get(call_id), self._desk.book.find(call_id)
        if call is None or interaction is None:
            return None
        because = chosen(watched, interaction)
        if account is None or not because or self._hears(name, call_id):
            call.waiting.discard(name)
            return None
        refusal = monitor_refusal(account, interaction, self._desk.driver.name, None)
        if refusal is not None:
            if refusal.reason in FOR_GOOD:
                call.waiting.discard(name)
            return None
        call.waiting.discard(name)
        call.told.add(name)
        return Alert(account.name, interaction, because)

    def _hears(self, name: str, call_id: str) -> bool:
        session = self._desk.running()
        return (
            session is not None and session.owner.name == name and session.interaction.id == call_id
        )

    def announce(self, account: str) -> None:
        """Have the box say that a call began that *account* watches for.

        It says so when nothing is to be heard but that account's own listening, and not often.
        """
        desk, now = self._desk, time.monotonic()
        own = desk.session is not None and desk.session.owner.name == account
        calm = desk.idle or (own and desk.machine.state is State.LISTENING)
        if not calm or now - self._announced_at < ANNOUNCE_S:
            return
        self._announced_at = now

        async def tell() -> None:
            await desk.tell_leg(lambda n: Announce(id=n))

        desk.jobs.spawn(tell(), "announce a watched call")
