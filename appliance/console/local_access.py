"""The accounts as this box uses them: with the command line's own, with kept sign-ins, and with
a first start.

The command line on the box itself: whoever may read a file of root's may use the box. Its token
is new with every start and is kept in memory and in the run directory only.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from pathlib import Path

from appliance.console.first_password import FirstPassword
from appliance.monitoring import account_rows
from appliance.monitoring.accounts import FIRST_ACCOUNT, Accounts, SignInError
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.store import Store
from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole

LOCAL_NAME = "local console"
_SIGN_INS = "web_sign_ins"
_DEVICE_KEY = "device_key"


class LocalAccessError(BargeboxError):
    """The file for the local command line cannot be written."""

    code = "local_access"


class BoxAccounts(Accounts):
    """The stored accounts and the local command line's own, which has no password."""

    def __init__(self, store: Store, first_password: FirstPassword) -> None:
        super().__init__(store)
        self._kept = store
        self._first_password = first_password
        self.local_token = secrets.token_urlsafe(32)
        self.local = Account(
            name=LOCAL_NAME, role="Administrator", permissions=ROLES["Administrator"]
        )

    async def begin(self) -> None:
        """Make the first account on the first start; later see that its password is not left over.

        Raises `FirstPasswordError` when the one-time password cannot be told; then there is no
        account yet either.
        """
        await self.first_start(self._first_password.tell)
        first = await self.get(FIRST_ACCOUNT)
        if first is None or not first.must_change_password:
            await self._first_password.forget()

    async def change_password(self, name: str, old: str, new: str) -> Account:
        """Also the end of the one-time password. Raises `SignInError`, `AccountError`."""
        account = await super().change_password(name, old, new)
        await self.forget_first_password(account.name)
        return account

    async def forget_first_password(self, name: str) -> None:
        """Delete the file with the one-time password of the first start, if it was *name*'s."""
        if name.casefold() == FIRST_ACCOUNT:
            await self._first_password.forget()

    async def get(self, name: str) -> Account | None:
        """Also the local command line, by its name."""
        return self.local if name == LOCAL_NAME else await super().get(name)

    async def sign_in(self, name: str, password: str) -> Account:
        """Never as the local command line, whatever the store holds. Raises `SignInError`."""
        account = await super().sign_in(name, password)
        if account is self.local:
            raise SignInError("The name or the password is not right.")
        return account

    async def verify_token(self, token: str) -> Account:
        """Also the local command line's token. Raises `SignInError`."""
        if secrets.compare_digest(token.encode(), self.local_token.encode()):
            return self.local
        return await super().verify_token(token)

    async def known_as(self, name: str) -> str | None:
        """How the account of that name is written, locked or not. Raises `StoreError`."""
        record = await self._kept.read(lambda database: account_rows.find(database, name))
        return None if record is None else record.account.name

    async def keep_token_uses(self) -> None:
        """Write down when each token was used last. Raises `StoreError`."""
        await self.tokens.keep()

    async def device_key(self) -> bytes:
        """The box's own secret for the cookies of known browsers. Raises `StoreError`."""

        def work(database: sqlite3.Connection) -> str:
            database.execute(
                "INSERT INTO kv VALUES (?, ?) ON CONFLICT DO NOTHING",
                (_DEVICE_KEY, secrets.token_hex(32)),
            )
            row = database.execute("SELECT value FROM kv WHERE key = ?", (_DEVICE_KEY,)).fetchone()
            return str(row[0])

        return bytes.fromhex(await self._kept.write(work))

    async def kept_sign_ins(self) -> str:
        """What `keep_sign_ins` wrote last, or nothing. Raises `StoreError`."""

        def work(database: sqlite3.Connection) -> str:
            row = database.execute("SELECT value FROM kv WHERE key = ?", (_SIGN_INS,)).fetchone()
            return str(row[0]) if row else ""

        return await self._kept.read(work)

    async def keep_sign_ins(self, text: str) -> None:
        """Keep *text* over a restart of the process. Raises `StoreError`."""

        def work(database: sqlite3.Connection) -> None:
            database.execute(
                "INSERT INTO kv VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_SIGN_INS, text),
            )

        await self._kept.write(work)


def tell_local(path: Path, url: str, token: str, fingerprint: str | None) -> None:
    """Write where the API is and how to get in; readable by the owner alone.

    *fingerprint* is the SHA-256 of the certificate that it is served with, if any.

    Raises `LocalAccessError` when the run directory cannot be written.
    """
    content = {"url": url, "token": token}
    if fingerprint is not None:
        content["fingerprint"] = fingerprint
    try:
        write_whole(path, json.dumps(content).encode())
    except OSError as error:
        raise LocalAccessError(
            f"{path} cannot be written: {error.strerror}; check the run directory"
        ) from error
