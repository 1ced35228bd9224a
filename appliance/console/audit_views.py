"""The audit log as the API and the page show it, and what can be asked of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from appliance.console import audit_wording
from appliance.console.views import Moment
from appliance.monitoring.audit import AuditRow
from appliance.monitoring.audit_checker import Checked
from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_search import AuditQuery, Found, Word

MAX_WORDS = 10
MAX_ROWS = 200
_DAY = timedelta(days=1)


def _given(value: object) -> object:
    """A form sends its empty fields too."""
    return None if value == "" else value


Text = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(_given)]
Day = Annotated[
    date | datetime | None,
    BeforeValidator(_given),
    WithJsonSchema({"type": "string", "examples": ["2026-03-01"]}),
]


class AuditFilter(BaseModel):
    """Which rows; all that is given has to fit. Times without a zone are UTC."""

    model_config = ConfigDict(extra="forbid")
    actor: Text = None
    action: Text = None
    interaction: Text = None
    session: Text = None
    since: Annotated[Day, Field(alias="from")] = None
    """A day, or a moment (RFC 3339); included."""
    until: Annotated[Day, Field(alias="to")] = None
    """A day, included, or a moment, which is not."""
    search: Text = None
    """Words that a row has to contain, in any order."""
    before: Annotated[int | None, Field(ge=1)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 100

    def query(self) -> AuditQuery:
        """For the log."""
        words = (self.search or "").split()[:MAX_WORDS]
        return AuditQuery(
            actor=self.actor,
            action=self.action,
            session_id=self.session,
            interaction_id=self.interaction,
            since=_moment(self.since),
            until=_moment(self.until, _DAY),
            words=tuple(Word(word, audit_wording.actions_with(word)) for word in words),
        )

    def told(self) -> dict[str, str]:
        """What was asked for, as the address has it, but for the place in the log."""
        values = self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude_none=True, exclude={"before"}
        )
        return {name: str(value) for name, value in values.items()}


def _moment(value: date | None, day_adds: timedelta = timedelta()) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return datetime.combine(value, time(), UTC) + day_adds
    except OverflowError:  # the last day that there is has no end
        return None


class AuditPage(BaseModel):
    """Rows of the audit log, newest first. Where there may be older ones that fit, ask for those
    ``before``; it is null where there are none.
    """

    items: list[AuditRow]
    before: int | None

    @classmethod
    def of(cls, found: Found) -> Self:
        """What a search found."""
        return cls(items=found.rows, before=found.before)


class FaultOut(BaseModel):
    """What is wrong, and with which row, if with one."""

    seq: int | None
    detail: str


class CheckOut(BaseModel):
    """A check of the whole log."""

    at: Moment
    intact: bool
    rows: int
    faults: list[FaultOut]
    more_faults: int
    """Beyond those in ``faults``."""
    remarks: list[str]

    @classmethod
    def of(cls, checked: Checked) -> Self:
        """What a check found."""
        verdict = checked.verdict
        return cls(
            at=checked.at,
            intact=verdict.intact,
            rows=verdict.rows,
            faults=[FaultOut(seq=fault.seq, detail=fault.words) for fault in verdict.faults],
            more_faults=verdict.untold,
            remarks=verdict.remarks,
        )


class AuditStateOut(BaseModel):
    """The signed head as it stands, as an export ends with it, and the last check."""

    head: dict[str, Any] | None
    checked: CheckOut | None

    @classmethod
    def of(cls, head: SignedHead | None, checked: Checked | None) -> Self:
        """Both may be missing in a box's first moments."""
        return cls(
            head=None if head is None else asdict(head),
            checked=None if checked is None else CheckOut.of(checked),
        )


@dataclass(frozen=True, slots=True)
class RowView:
    """A row as the page shows it."""

    row: AuditRow
    at: str
    what: str
    more: str

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        """In plain words; a row whose detail cannot be read is shown all the same."""
        try:
            detail = json.loads(row.detail)
        except (ValueError, RecursionError):
            detail = {"detail": row.detail}
        if not isinstance(detail, dict):
            detail = {"detail": detail}
        what, more = audit_wording.describe(row.action, detail)
        return cls(row, row.at[:19].replace("T", " "), what, more)
