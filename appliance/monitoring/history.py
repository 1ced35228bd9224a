"""History: who monitored which interaction, when, and how it ended; and legs to clean up."""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from pydantic import JsonValue

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.curve import Curve
from appliance.monitoring.history_list import START, Names, after, enlist, names, pick
from appliance.monitoring.history_query import HistoryQuery
from appliance.monitoring.history_rows import (
    BargeSpan,
    OpenLeg,
    SessionRecord,
    close_barges,
    find,
    interaction_json,
    read_curve,
    replace_barges,
    write_curve,
    write_sound,
)
from appliance.monitoring.store import Store
from appliance.platforms.protocol import Interaction

__all__ = ["BargeSpan", "History", "OpenLeg", "SessionRecord"]

EXPORTED_AT_ONCE = 100
"""So few sessions that the page is not kept waiting while they are written out."""

MAX_KEPT_NAMES = 100


def _now() -> str:
    return datetime.now(UTC).isoformat()


class History:
    """The sessions in *store*. Every method raises `StoreError`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: OrderedDict[str | None, Names] = OrderedDict()
        """What `names` found, until a session ends."""

    @staticmethod
    def beginning(record: SessionRecord) -> Callable[[sqlite3.Connection], None]:
        """The rows of a session that begins, and of its leg; for `Audit.append`'s *also*."""

        def work(database: sqlite3.Connection) -> None:
            database.execute(
                "INSERT INTO sessions (id, handle, platform, supervisor, interaction_id,"
                " interaction, started_at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.id,
                    record.handle,
                    record.platform,
                    record.supervisor,
                    record.interaction.id,
                    interaction_json.dump_json(record.interaction).decode(),
                    record.started_at.isoformat(),
                    record.reason,
                ),
            )
            database.execute(
                "INSERT INTO open_legs VALUES (?, ?, ?, ?)",
                (record.handle, record.platform, record.id, _now()),
            )

        return work

    @staticmethod
    def fresh_leg(
        session_id: str, handle: str, platform: str
    ) -> Callable[[sqlite3.Connection], None]:
        """The rows of a session's next leg; for `Audit.append`'s *also*."""

        def work(database: sqlite3.Connection) -> None:
            database.execute("UPDATE sessions SET handle = ? WHERE id = ?", (handle, session_id))
            database.execute(
                "INSERT INTO open_legs VALUES (?, ?, ?, ?)", (handle, platform, session_id, _now())
            )

        return work

    async def end(
        self,
        session_id: str,
        ended_at: datetime,
        reason: EndReason,
        detail: str,
        *,
        interaction: Interaction | None = None,
        quality: Mapping[str, JsonValue] | None = None,
        sound: SessionQuality | None = None,
        barges: Sequence[BargeSpan] | None = None,
        curve: Curve | None = None,
    ) -> None:
        """Close a session and its open barge; a session closed before stays as it is.

        *barges*, where given, are all there were: the disk may not have taken each in its time.
        Without a *curve*, or with an empty one, what was kept so far stays.
        """
        kept = (curve.step_s, curve.to_bytes()) if curve is not None and curve.points else None

        def work(database: sqlite3.Connection) -> None:
            at = ended_at.isoformat()
            closing = database.execute(
                "UPDATE sessions SET ended_at = ?, end_reason = ?, end_detail = ?, quality = ?,"
                " interaction = COALESCE (?, interaction) WHERE id = ? AND ended_at IS NULL",
                (
                    at,
                    reason.value,
                    detail,
                    json.dumps(dict(quality)) if quality is not None else None,
                    interaction_json.dump_json(interaction).decode() if interaction else None,
                    session_id,
                ),
            )
            if closing.rowcount and sound is not None:
                write_sound(database, session_id, sound)
            if closing.rowcount and barges is not None:
                replace_barges(database, session_id, barges)
            if closing.rowcount and kept is not None:
                write_curve(database, session_id, *kept)
            close_barges(database, session_id, at)
            if closing.rowcount:
                enlist(database, session_id)

        await self._store.write(work)
        self._names = OrderedDict()

    async def barge(self, session_id: str, at: datetime, audience: Audience | None) -> None:
        """From *at* on *audience* hears the supervisor, or nobody with ``None``."""

        def work(database: sqlite3.Connection) -> None:
            close_barges(database, session_id, at.isoformat())
            if audience is not None:
                database.execute(
                    "INSERT INTO barges (session_id, started_at, audience) VALUES (?, ?, ?)",
                    (session_id, at.isoformat(), audience.value),
                )

        await self._store.write(work)

    async def replace_barges(self, session_id: str, barges: Sequence[BargeSpan]) -> None:
        """These are all the barges there were so far."""
        await self._store.write(lambda database: replace_barges(database, session_id, barges))

    async def keep_curve(self, session_id: str, step_s: int, points: bytes) -> None:
        """Keep the curve of a running session so far, over a restart of the process."""
        await self._store.write(lambda database: write_curve(database, session_id, step_s, points))

    async def curve(self, session_id: str) -> Curve | None:
        """A session's curve; None where none was kept."""
        return await self._store.read(lambda database: read_curve(database, session_id))

    async def running(self) -> list[SessionRecord]:
        """Sessions without an end, oldest first."""
        return await self._store.read(
            lambda database: find(database, "WHERE ended_at IS NULL ORDER BY started_at")
        )

    async def get(self, session_id: str) -> SessionRecord | None:
        """One session."""
        found = await self._store.read(lambda database: find(database, "WHERE id = ?", session_id))
        return found[0] if found else None

    async def page(
        self, *, supervisor: str | None = None, page: int = 1, per_page: int = 50
    ) -> tuple[list[SessionRecord], int]:
        """Ended sessions, newest first, and how many there are in all."""
        return await self.pick(HistoryQuery(page=page, per_page=per_page), only=supervisor)

    async def pick(
        self, query: HistoryQuery, *, only: str | None = None
    ) -> tuple[list[SessionRecord], int]:
        """One page of the ended sessions that *query* asks for, and how many there are in all.

        *only* is whose sessions may be seen, None for everybody's; here and below.
        """
        return await self._store.read(lambda database: pick(database, query, only))

    async def names(self, *, only: str | None = None) -> Names:
        """The names that the ended sessions can be filtered by."""
        found = self._names.get(only)
        if found is None:
            kept = self._names
            found = await self._store.read(lambda database: names(database, only))
            kept[only] = found
            while len(kept) > MAX_KEPT_NAMES:
                kept.popitem(last=False)
        return found

    async def export(
        self, query: HistoryQuery, *, only: str | None = None
    ) -> AsyncIterator[SessionRecord]:
        """Every ended session that *query* lets through, oldest first, a few in memory at once."""
        place = START
        while True:
            records, place = await self._store.read(
                partial(after, query=query, only=only, place=place, limit=EXPORTED_AT_ONCE)
            )
            if not records:
                return
            for record in records:
                yield record

    async def open_legs(self) -> list[OpenLeg]:
        """Legs that may still exist on a platform."""

        def work(database: sqlite3.Connection) -> list[OpenLeg]:
            rows = database.execute("SELECT handle, platform, session_id FROM open_legs")
            return [OpenLeg(*row) for row in rows]

        return await self._store.read(work)

    async def leg_is_gone(self, handle: str) -> None:
        """The platform confirmed that the leg does not exist."""

        def work(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM open_legs WHERE handle = ?", (handle,))

        await self._store.write(work)
