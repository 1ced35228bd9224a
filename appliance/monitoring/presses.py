"""Button presses on record: each once, under the name of its session's owner."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping

from appliance.control_link.commands import AckPresses
from appliance.control_link.states import Press
from appliance.monitoring.audit import Entry, insert
from appliance.monitoring.desk import Desk
from appliance.monitoring.moments import moment
from appliance.monitoring.store import StoreError

log = logging.getLogger(__name__)

MAX_UNWRITTEN = 4000
RETRY_S = 5.0
NOBODY = "panel"
"""Who pressed when no session was running."""

_THROUGH = "presses_through"


class Presses:
    """Collects presses and writes them a few at a time, so that none delays an un-mute.

    The leg keeps every press until it is acknowledged, so that a crash here loses none.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        # By leg process and number: numbers begin anew with each leg process.
        self._unwritten: dict[tuple[str, int], Press] = {}
        self._writing = False
        self._not_before = 0.0

    def take(self, leg_id: str, presses: Iterable[Press]) -> None:
        """Take up presses, new or told again; beyond 4,000 unwritten the leg keeps them for us."""
        for press in presses:
            if len(self._unwritten) < MAX_UNWRITTEN:
                self._unwritten.setdefault((leg_id, press.number), press)

    async def write(self, *, now: bool = False) -> bool:
        """Write what was collected and acknowledge it; false when it is not all on record.

        After a failure the disk is left alone for 5 s, except with *now*.
        """
        if not self._unwritten:
            return True
        if self._writing or (not now and time.monotonic() < self._not_before):
            return False
        self._writing = True
        batch = dict(self._unwritten)
        try:
            owners = await self._owners(batch.values())
            await self._desk.audit.append(also=lambda database: _insert(database, batch, owners))
        except StoreError as error:
            log.error("%d presses are not written down yet: %s", len(batch), error.detail)
            self._not_before = time.monotonic() + RETRY_S
            return False
        finally:
            self._writing = False
        for key in batch:
            self._unwritten.pop(key, None)
        mine = [number for leg_id, number in batch if leg_id == self._desk.device.leg_id]
        if mine:
            await self._desk.tell_leg(lambda n: AckPresses(id=n, through=max(mine)))
        return True

    async def _owners(self, presses: Iterable[Press]) -> dict[str, str]:
        owners: dict[str, str] = {}
        for session_id in {press.session_id for press in presses if press.session_id}:
            session = self._desk.session
            if session is not None and session.id == session_id:
                owners[session_id] = session.owner.name
            elif (record := await self._desk.history.get(session_id)) is not None:
                owners[session_id] = record.supervisor
        return owners


def _insert(
    database: sqlite3.Connection,
    batch: Mapping[tuple[str, int], Press],
    owners: Mapping[str, str],
) -> None:
    """Write those that a former life, which died before the leg heard of it, did not write."""
    row = database.execute("SELECT value FROM kv WHERE key = ?", (_THROUGH,)).fetchone()
    known_leg, through = json.loads(row[0]) if row else ("", 0)
    for (leg_id, number), press in sorted(batch.items(), key=lambda item: item[1].at):
        if leg_id == known_leg and number <= through:
            continue
        insert(database, [_entry(press, owners)])
        known_leg, through = leg_id, number
    database.execute(
        "INSERT INTO kv VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_THROUGH, json.dumps([known_leg, through])),
    )


def _entry(press: Press, owners: Mapping[str, str]) -> Entry:
    return Entry(
        owners.get(press.session_id or "", NOBODY),
        "press",
        press.session_id,
        detail={
            "button": press.button.value,
            "action": press.action.value,
            "number": press.number,
        },
        at=moment(press.at),
    )
