"""What of the audit log is sent: enough to prove later what it held, and nothing of its details."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_rows import AuditRow, canonical
from appliance.provisioning.logs.message import NOTICE, Line

AT_ONCE: Final = 200
"""Rows told in one go."""
HEAD_EVERY_S: Final = 300.0
"""The head is told again after this long, though nothing was written."""
UNSURE_S: Final = 30.0
"""What was sent so shortly before a connection was lost may not have arrived."""
APP: Final = "bargebox-audit"


class ProvableLog(Protocol):
    """The audit log."""

    async def head(self) -> SignedHead | None:
        """Where it ends, signed."""

    async def page(self, *, after: int = 0, limit: int = 100) -> list[AuditRow]:
        """Rows with numbers above *after*, oldest first."""


def row_line(row: AuditRow) -> Line:
    """A row without its details, which may name customers and hold what somebody typed."""
    told = {
        "seq": row.seq,
        "at": row.at,
        "actor": row.actor,
        "action": row.action,
        "session_id": row.session_id,
        "interaction_id": row.interaction_id,
        "hash": row.hash,
    }
    return Line(canonical({"audit_row": told}), NOTICE, APP, kind="audit_row")


def head_line(head: SignedHead) -> Line:
    """The signed head, as `bargebox audit verify --heads` finds it."""
    return Line(head.line(), NOTICE, APP, kind="audit_head")


@dataclass(frozen=True, slots=True)
class Part:
    """Lines, and what is told with them."""

    lines: tuple[Line, ...]
    seq: int
    """The number of the last row that is told then."""
    head: SignedHead | None
    """The head among them."""


class Proof:
    """Where the telling of the audit log has come to. The rows wait in the database itself, so
    that none is lost while the server is away; after a lost connection the last are told again.
    """

    def __init__(self, audit: ProvableLog, told: int | None) -> None:
        self._audit = audit
        self.told = told
        """The last row's number; None: it has not begun."""
        self._sure: deque[tuple[float, int]] = deque()
        """When which row was the last one told, the first of them for sure."""
        self._head_at = float("-inf")
        self._head: SignedHead | None = None

    async def begin(self) -> None:
        """From here on no row is left out, whenever the server is reached. Raises `StoreError`."""
        if self.told is None:
            head = await self._audit.head()
            self.told = 0 if head is None else head.seq

    def connected(self) -> None:
        """A connection begins: the head is told at once."""
        self._head_at = float("-inf")
        self._sure.clear()
        if self.told is not None:
            self._sure.append((time.monotonic(), self.told))

    def lost(self) -> None:
        """Go back to what the server has for sure."""
        if self._sure:
            self.told = self._sure[0][1]

    def due_s(self) -> float:
        """Until the head has to be told again."""
        return max(0.0, self._head_at + HEAD_EVERY_S - time.monotonic())

    async def next(self) -> Part | None:
        """Rows that are new, and the head if it changed or is due. Raises `StoreError`."""
        head = await self._audit.head()
        if head is None:
            return None
        begun = self.told
        if begun is None or begun > head.seq:  # the first time; another log, after a reset
            begun = head.seq
        rows = await self._audit.page(after=begun, limit=AT_ONCE)
        rows = [row for row in rows if row.seq <= head.seq]
        seq = rows[-1].seq if rows else head.seq
        lines = [row_line(row) for row in rows]
        if seq < head.seq or (head == self._head and self.due_s()):
            return Part(tuple(lines), seq, None) if lines else None
        return Part((*lines, head_line(head)), seq, head)

    def sent(self, part: Part) -> None:
        """It is on its way."""
        now = time.monotonic()
        self.told = part.seq
        self._sure.append((now, part.seq))
        while len(self._sure) > 1 and self._sure[1][0] < now - UNSURE_S:
            self._sure.popleft()
        if part.head is not None:
            self._head, self._head_at = part.head, now
