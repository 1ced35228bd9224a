"""Accounts, some of history, and the audit log for the page, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.accounts import AccountError, SignInError
from appliance.monitoring.audit import AuditRow, Entry
from appliance.monitoring.audit_check import Fault, Verdict
from appliance.monitoring.audit_checker import Checked
from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_rows import GENESIS, canonical, row_hash
from appliance.monitoring.audit_search import EVERYTHING, AuditQuery, Found
from appliance.monitoring.history import BargeSpan, SessionRecord
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.watches import Key, Watched
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

    async def all(self) -> list[Account]:
        return list(self.accounts.values())

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


class MemoryWatches:
    """What accounts watch, as many as they like."""

    def __init__(self) -> None:
        self.all: dict[str, dict[Key, Watched]] = {}
        self.fail_with: Exception | None = None

    async def of(self, account: str) -> list[Watched]:
        return sorted(self.all.get(account, {}).values(), key=lambda one: (one.kind, one.name))

    async def add(self, account: str, watched: Watched) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.all.setdefault(account, {})[watched.key] = watched

    async def remove(self, account: str, key: Key) -> None:
        self.all.get(account, {}).pop(key, None)


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
    """Rows without a database, and with a key of their own."""

    def __init__(self) -> None:
        self.rows: list[AuditRow] = []
        self.fail_with: Exception | None = None
        self.checked: Checked | None = None
        self.faults: list[Fault] = []
        self._key = Ed25519PrivateKey.generate()
        start = datetime(2026, 3, 1, 9, tzinfo=UTC)
        for minute in range(5):
            self.add(
                Entry("sam", "joined", "s", "call-00001", at=start + timedelta(0, 60 * minute))
            )

    def add(self, entry: Entry) -> None:
        """Without a wait."""
        content = (
            len(self.rows) + 1,
            entry.at.isoformat(timespec="milliseconds"),
            entry.actor,
            entry.action,
            entry.session_id,
            entry.interaction_id,
            canonical(dict(entry.detail)),
        )
        previous = self.rows[-1].hash if self.rows else GENESIS
        self.rows.append(AuditRow(*content, row_hash(previous, content)))

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    async def page(self, *, after: int = 0, limit: int = 100) -> list[AuditRow]:
        return [row for row in self.rows if row.seq > after][:limit]

    async def search(
        self, query: AuditQuery = EVERYTHING, *, before: int | None = None, limit: int = 100
    ) -> Found:
        fit = [
            row
            for row in reversed(self.rows)
            if (before is None or row.seq < before)
            and query.actor in (None, row.actor)
            and query.action in (None, row.action)
        ]
        return Found(fit[:limit], fit[limit - 1].seq if len(fit) > limit else None)

    async def append(self, *entries: Entry) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        for entry in entries:
            self.add(entry)

    def note(self, entry: Entry) -> None:
        self.add(entry)

    async def head(self) -> SignedHead:
        return SignedHead.sign(self._key, len(self.rows), self.rows[-1].hash)

    async def check(self) -> Checked:
        head = await self.head()
        verdict = Verdict(rows=len(self.rows), head=head, faults=self.faults)
        self.checked = Checked(datetime.now(UTC), verdict)
        return self.checked

    async def export(self) -> AsyncIterator[str]:
        yield "".join(f"{row.line()}\n" for row in self.rows)
        yield f"{(await self.head()).line()}\n"
