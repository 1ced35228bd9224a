"""``bargebox reset-password NAME``: the way back in for whoever stands at the box.

It writes to the database itself, so that it works with control stopped too. A control process
that runs sees the account's new stamp at the next request and ends its sign-ins.
"""

from __future__ import annotations

import argparse
import asyncio

from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.audit import Audit
from appliance.monitoring.store import Store
from appliance.service.errors import BargeboxError
from appliance.settings import BoxSettings, load_or_last_good


def run(chosen: argparse.Namespace) -> int:
    """Print the new one-time password."""
    settings, _ = load_or_last_good(chosen.settings)
    name, password = asyncio.run(_reset(settings.box, chosen.name))
    print(
        f"The one-time password of {name} is {password}\n"
        "Sign in with it on the page and choose your own. All its sign-ins have ended;\n"
        "its tokens go on. If it was locked, it is so no more."
    )
    return 0


async def _reset(box: BoxSettings, name: str) -> tuple[str, str]:
    if not await asyncio.to_thread(_readable, box):
        raise BargeboxError(
            f"There are no accounts in {box.state_dir}, or you may not read them. Use sudo, "
            "or start the box once.",
            code="state",
        )
    store = await Store.open(box.database)
    accounts = BoxAccounts(store, FirstPassword(box.first_password))
    try:
        manager = AccountManager(store, Audit(store), accounts)
        record = await manager.get(name)
        password = await manager.reset_password(accounts.local, name, unlock=True)
        await accounts.forget_first_password(record.account.name)
    finally:
        await accounts.close()
        await store.close()
    return record.account.name, password


def _readable(box: BoxSettings) -> bool:
    try:
        return box.database.stat().st_size > 0
    except OSError:
        return False
