"""Whether an audit log is as it was written: row by row against the chain and the signed heads.

It needs no more memory for a long log than for a short one, and no running box.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_rows import AuditRow, is_row

MAX_FAULTS = 20
"""Faults that are told one by one; further ones are counted."""
CHANGED = "was changed after it was written"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in words, and with which row; None where it is not with one row."""

    seq: int | None
    words: str


@dataclass(slots=True)
class Verdict:
    """What a check found. ``remarks`` are no faults, but somebody should know them."""

    rows: int = 0
    head: SignedHead | None = None
    faults: list[Fault] = field(default_factory=list)
    untold: int = 0
    """Faults beyond those in ``faults``."""
    remarks: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Nothing is wrong."""
        return not self.faults

    @property
    def broken_at(self) -> int | None:
        """The first row that is not as it was written."""
        return next((fault.seq for fault in self.faults if fault.seq is not None), None)

    def blame(self, seq: int | None, words: str) -> None:
        """Another fault."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(seq, words))
        else:
            self.untold += 1


class ChainCheck:
    """Takes the rows of a log in their order, and tells *verdict* what is wrong with them.

    *marks* are further signed heads that the log has to agree with.
    """

    def __init__(
        self, verdict: Verdict, head: SignedHead, marks: Iterable[SignedHead] = ()
    ) -> None:
        self.verdict, self._head = verdict, head
        self._seq, self._hash = head.cut, head.cut_hash
        self._marks: dict[int, str] = {}
        for mark in marks:
            if self._marks.setdefault(mark.seq, mark.hash) != mark.hash:
                verdict.blame(mark.seq, f"Two signed heads differ on row {mark.seq}.")
        self._doubt: tuple[int, str, str] | None = None
        """A row whose words and hash do not fit, with the hash for its words, and the one it has:
        what comes next tells which of the two was changed."""
        self._linked = True
        """Whether the hash that the next row is chained to is known."""
        if self._marks.pop(head.cut, head.cut_hash) != head.cut_hash:
            words = f"The log does not begin after row {head.cut} as an earlier head names it."
            verdict.blame(head.cut, words)

    def add(self, values: Mapping[str, Any]) -> None:
        """The next row, by field, whatever a damaged file has in it."""
        self.verdict.rows += 1
        if not is_row(values):
            self._settle(None)
            seq = self._seq + 1
            self.verdict.blame(seq, f"Row {seq} cannot be read: it {CHANGED}.")
            self._seq, self._linked = seq, False
            return
        row = AuditRow(**values)
        if row.seq != self._seq + 1:
            self._settle(None)
            if row.seq <= self._seq:
                words = f"Row {row.seq} stands where row {self._seq + 1} belongs."
                self.verdict.blame(row.seq, words)
                return
            self._missing(self._seq + 1, row.seq - 1, f"row {row.seq} comes next")
        self._content(row)
        self._seq, self._hash = row.seq, row.hash
        mark = self._marks.pop(row.seq, None)
        if mark is not None and self._doubt is not None:
            self._settle(mark)
        elif mark is not None and mark != row.hash:
            words = f"Row {row.seq} is not the one that an earlier signed head names."
            self.verdict.blame(row.seq, words)
        if row.action == "audit_broken":
            self.verdict.blame(row.seq, f"Row {row.seq} tells of damage: {_what(row.detail)}.")
        elif row.action == "audit_key_made":
            self.verdict.remarks.append(
                f"Row {row.seq}: a new key was made; rows before it were not signed with it."
            )

    def end(self) -> None:
        """That was the last row; now the signed head says whether it should have been."""
        head, told = self._head, len(self.verdict.faults)
        self._settle(head.hash if head.seq == self._seq else None)
        said = f"the signed head of {head.at} ends with row {head.seq}"
        if self._seq < head.seq:
            self._missing(self._seq + 1, head.seq, said)
        elif self._seq > head.seq:
            words = f"{_rows(head.seq + 1, self._seq)} not signed: {said}."
            self.verdict.blame(head.seq + 1, words)
        elif self._hash != head.hash and len(self.verdict.faults) == told:
            words = f"Row {head.seq} is not the one that the signed head of {head.at} names."
            self.verdict.blame(head.seq, words)
        beyond = max((seq for seq in self._marks if seq > max(self._seq, head.seq)), default=None)
        if beyond is not None:
            self._missing(self._seq + 1, beyond, "an earlier signed head names the last of them")
        past = sum(seq <= head.cut for seq in self._marks)
        if past:
            self.verdict.remarks.append(
                f"{past} earlier heads name rows that were removed because of their age."
            )

    def _content(self, row: AuditRow) -> None:
        wanted = row.expected_hash(self._hash)
        if self._doubt is not None:
            number, computed, _ = self._doubt
            if row.expected_hash(computed) == row.hash:
                self._doubt = None
                self.verdict.blame(number, f"The hash of row {number} {CHANGED}.")
                return
            self._settle(self._hash if wanted == row.hash else None)
        if not self._linked:
            self._linked = True  # after a gap nobody knows what this row was chained to
        elif wanted != row.hash:
            self._doubt = (row.seq, wanted, row.hash)

    def _settle(self, following: str | None) -> None:
        """A row in doubt, now that *following* is known: the hash that what comes next vouches
        for, if there is such a thing.
        """
        if self._doubt is None:
            return
        number, computed, has = self._doubt
        self._doubt = None
        if following is not None and following == computed:
            words = f"The hash of row {number} {CHANGED}."
            self._hash = computed
        elif following is not None and following == has:
            words = f"Row {number} {CHANGED}."
        else:
            words = f"Row {number} {CHANGED}, or another row was put in its place."
        self.verdict.blame(number, words)

    def _missing(self, first: int, last: int, because: str) -> None:
        self.verdict.blame(first, f"{_rows(first, last)} missing: {because}.")
        self._linked = False


def _rows(first: int, last: int) -> str:
    return f"Row {first} is" if first == last else f"Rows {first} to {last} are"


def _what(detail: str) -> str:
    try:
        return str(json.loads(detail)["what"])
    except (ValueError, TypeError, KeyError):
        return "it does not say which"
