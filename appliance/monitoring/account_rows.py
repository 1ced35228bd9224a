"""Accounts and roles as rows of the database. All of it runs inside the caller's transaction."""

from __future__ import annotations

import json
import secrets
import sqlite3
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from appliance.monitoring.passwords import AccountError
from appliance.monitoring.policy import ROLES, Account, Permission

Kind = Literal["local", "openid"]
MAX_NAME = 64
MAX_ACCOUNTS = 500
MAX_PLATFORMS = 20
MAX_AGENT_IDS = 50
MAX_ID = 200
RESERVED = frozenset({"bargebox", "panel", "local console", ".", ".."})
"""Who the audit log names when no person acted, and what an address cannot carry."""

_SELECT = (
    "SELECT a.name, a.role, r.permissions, a.agent_ids, a.must_change, a.stamp, a.locked,"
    " a.created_at, a.last_sign_in_at, a.kind, a.more_roles,"
    " (SELECT json_group_array(json(m.permissions)) FROM roles m"
    "  WHERE m.name IN (SELECT value FROM json_each(a.more_roles)))"
    " FROM accounts a LEFT JOIN roles r ON r.name = a.role"
)
Row = tuple[str, str, str | None, str, int, str, int, str, str | None, Kind, str, str]


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as those see it who manage it. Times are aware and UTC."""

    account: Account
    locked: bool
    created_at: datetime
    last_sign_in_at: datetime | None


def folded(name: str) -> str:
    """All ways to type a name as one, those that only look like it in another width included."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def checked_name(name: str, what: str = "name") -> str:
    """*name* as it is kept. Raises `AccountError`."""
    name = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or "/" in name:
        raise AccountError(f"A {what} has 1 to {MAX_NAME} printable characters, and no slash.")
    if folded(name) in RESERVED:
        raise AccountError(f"The {what} {name!r} is the box's own. Choose another.")
    return name


def find(database: sqlite3.Connection, name: str) -> AccountRecord | None:
    """The account of that name; case does not matter."""
    name = unicodedata.normalize("NFC", name.strip())
    row = database.execute(f"{_SELECT} WHERE a.name = ?", (name,)).fetchone()
    return _record(row) if row else None


def every(database: sqlite3.Connection) -> list[AccountRecord]:
    """All accounts, by name."""
    return [_record(row) for row in database.execute(f"{_SELECT} ORDER BY a.name")]


def find_role(database: sqlite3.Connection, role: str) -> tuple[str, frozenset[Permission]] | None:
    """A role as it is written, and what it may; None when there is no such role. Case does not
    matter.
    """
    for name, granted in ROLES.items():
        if name.casefold() == role.casefold():
            return name, granted
    row = database.execute("SELECT name, permissions FROM roles WHERE name = ?", (role,)).fetchone()
    return (str(row[0]), read_permissions(row[1])) if row else None


def add(
    database: sqlite3.Connection,
    name: str,
    role: str,
    agent_ids: Mapping[str, Iterable[str]],
    hashed: str,
    *,
    must_change: bool,
) -> AccountRecord:
    """A new account. Raises `AccountError` when the name is taken or there are too many."""
    (count,) = database.execute("SELECT COUNT(*) FROM accounts").fetchone()
    if count >= MAX_ACCOUNTS:
        raise AccountError(f"There are {count} accounts already. Delete one first.")
    added = database.execute(
        "INSERT INTO accounts (name, role, agent_ids, password, must_change, stamp, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (name, role, write_agent_ids(agent_ids), hashed, int(must_change), new_stamp(), now()),
    )
    if not added.rowcount:
        raise AccountError(f"There is an account {name!r} already. Choose another name.")
    made = find(database, name)
    assert made is not None
    return made


def set_password(database: sqlite3.Connection, name: str, hashed: str, *, must_change: bool) -> str:
    """A new password, and the new stamp: every sign-in made with the old one is over."""
    stamp = new_stamp()
    database.execute(
        "UPDATE accounts SET password = ?, must_change = ?, stamp = ? WHERE name = ?",
        (hashed, int(must_change), stamp, name),
    )
    return stamp


def refuse_foreign(account: Account) -> None:
    """Raise `AccountError` for the account of somebody who signs in at the identity provider."""
    if account.kind != "local":
        raise AccountError(
            "This account signs in at the identity provider and has no password here.",
            code="no_password",
        )


def write_agent_ids(agent_ids: Mapping[str, Iterable[str]]) -> str:
    """Agent ids by platform as JSON. Raises `AccountError` for what cannot be one."""
    if len(agent_ids) > MAX_PLATFORMS:
        raise AccountError(f"An account has agent ids at most at {MAX_PLATFORMS} platforms.")
    kept: dict[str, list[str]] = {}
    for platform, given in agent_ids.items():
        ids = sorted({one.strip() for one in given} - {""})
        if len(ids) > MAX_AGENT_IDS or any(len(one) > MAX_ID for one in (platform, *ids)):
            raise AccountError(
                f"An account has at most {MAX_AGENT_IDS} agent ids a platform, each of at most"
                f" {MAX_ID} characters."
            )
        if ids:
            kept[platform] = ids
    return json.dumps(kept)


def write_permissions(permissions: Iterable[Permission]) -> str:
    """As JSON."""
    return json.dumps(sorted(permissions))


def read_permissions(text: str) -> frozenset[Permission]:
    """From JSON; a permission of newer software is one that this software cannot give."""
    words = frozenset(json.loads(text))
    return frozenset(permission for permission in Permission if permission in words)


def new_stamp() -> str:
    """Changes whenever every sign-in made until now must end."""
    return secrets.token_hex(8)


def now() -> str:
    """The time as it is kept."""
    return datetime.now(UTC).isoformat()


def moment(text: str | None) -> datetime | None:
    """A time that was kept."""
    return None if text is None else datetime.fromisoformat(text)


def _record(row: Row) -> AccountRecord:
    name, role, permissions, agent_ids, must_change, stamp, locked, created, signed_in = row[:9]
    kind, more_roles, more = row[9:]
    custom = read_permissions(permissions) if permissions is not None else frozenset()
    granted = ROLES.get(role, custom)
    for other in json.loads(more_roles):
        granted |= ROLES.get(other, frozenset())
    for other in json.loads(more):
        granted |= read_permissions(json.dumps(other))
    account = Account(
        name=name,
        role=role,
        permissions=granted,
        agent_ids={platform: frozenset(ids) for platform, ids in json.loads(agent_ids).items()},
        must_change_password=bool(must_change),
        stamp=stamp,
        kind=kind,
        more_roles=tuple(json.loads(more_roles)),
    )
    return AccountRecord(account, bool(locked), datetime.fromisoformat(created), moment(signed_in))
