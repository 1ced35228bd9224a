"""Accounts, some of history, and the audit log for the page, in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.accounts import AccountError, SignInError
from appliance.monitoring.audit import AuditRow, Entry
from appliance.monitoring.history import BargeSpan, SessionRecord
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.reasons import WORDS
from tests.support.console_calls import PLATFORM, call_number

PASSWORD = "correct horse battery"


class MemoryAccounts:
    """Accounts without hashing."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.passwords: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.sign_ins = ""

    def add(self, name: str, role: str, *, must_change: bool = False) -> Account:
        """A new account; its token is ``token-NAME``."""
        account = Account(name, role, ROLES[role], {}, must_change)
        self.accounts[name], self.passwords[name] = account, PASSWORD
        self.tokens[f"token-{name}"] = name
        return account

    async def sign_in(self, name: str, password: str) -> Account:
        if name not in self.accounts or self.passwords[name] != password:
            raise SignInError("The name or the password is not right.")
        return self.accounts[name]

    async def get(self, name: str) -> Account | None:
        return self.accounts.get(name)

    async def verify_token(self, token: str) -> Account:
        account = self.accounts.get(self.tokens.get(token, ""))
        if account is None:
            raise SignInError("The token is not valid.")
        return account

    async def change_password(self, name: str, old: str, new: str) -> Account:
        account = await self.sign_in(name, old)
        if len(new) < 10:
            raise AccountError("A password has 10 to 200 characters.")
        self.passwords[name] = new
        self.accounts[name] = replace(account, must_change_password=False)
        return self.accounts[name]

    async def known_as(self, name: str) -> str | None:
        return name if name in self.accounts else None

    async def forget_first_password(self, name: str) -> None:
        """There is none."""

    async def device_key(self) -> bytes:
        return b"of this box"

    async def keep_token_uses(self) -> None:
        """Nothing to keep."""

    async def kept_sign_ins(self) -> str:
        return self.sign_ins

    async def keep_sign_ins(self, text: str) -> None:
        self.sign_ins = text


def past_of_two() -> list[SessionRecord]:
    """A session of sam and one of sue that ended; each coached at its beginning."""
    start = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    return [
        SessionRecord(
            id=f"old-{name}",
            handle=f"bargebox-old-{name}",
            platform=PLATFORM,
            supervisor=name,
            interaction=call_number(1),
            started_at=start,
            ended_at=start + timedelta(minutes=3),
            end_reason=EndReason.HUNG_UP,
            end_detail=WORDS[EndReason.HUNG_UP],
            sound=SessionQuality(mos=4.16, mos_worst=2.4, lost_percent=0.28, delay_ms=120.0),
            barges=(BargeSpan(start, start + timedelta(seconds=9), Audience.AGENT),),
        )
        for name in ("sam", "sue")
    ]


class MemoryAudit:
    """Rows without a database."""

    def __init__(self) -> None:
        at = Entry("sam", "joined").at.isoformat()
        self.rows = [
            AuditRow(n, at, "sam", "joined", "s", "call-00001", "{}", f"{n:064}")
            for n in range(1, 6)
        ]
        self.fail_with: Exception | None = None

    async def latest(self, *, before: int | None = None, limit: int = 100) -> list[AuditRow]:
        return [r for r in reversed(self.rows) if before is None or r.seq < before][:limit]

    async def append(self, *entries: Entry) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        for entry in entries:
            self.note(entry)

    def note(self, entry: Entry) -> None:
        detail = json.dumps(dict(entry.detail))
        at, number = entry.at.isoformat(), len(self.rows) + 1
        ids = entry.session_id, entry.interaction_id
        self.rows.append(AuditRow(number, at, entry.actor, entry.action, *ids, detail, ""))

    async def export(self) -> AsyncIterator[AuditRow]:
        for row in self.rows:
            yield row
