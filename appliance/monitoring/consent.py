"""What an open gate needs: a gate prepared, the record, the platform's consent, and the right."""

from __future__ import annotations

import asyncio
import time

from appliance.control_link.commands import PrepareGate
from appliance.control_link.words import EndReason, Gate
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.asks import Ask
from appliance.monitoring.audit import AuditUnwritableError, Entry
from appliance.monitoring.desk import Desk
from appliance.monitoring.policy import Refusal, RefusedError, unmute_refusal
from appliance.service.jobs import together

CONSENT_S = 1.8
"""How long platform and audit log may take: the leg waits 2 s before it closes the gate again."""
FRESH_S = 0.1
"""What is known of the account is as old as this at most when the gate is told to open."""
PREPARED_S = 1.0
"""How long a refusal waits for the gate to be prepared."""


class Consent:
    """Asks everybody side by side."""

    def __init__(self, desk: Desk, accounts: Accounts) -> None:
        self._desk = desk
        self._accounts = accounts

    async def obtain(self, ask: Ask, entry: Entry) -> None:
        """Returns when all agree and *entry* is on record. Raises `BargeboxError`."""
        desk, session = self._desk, ask.session
        # While the gate is open nothing at the leg waits for us.
        is_open = session.gate is Gate.OPEN
        limit_s = desk.settings.platform_request_s if is_open else CONSENT_S
        preparing = asyncio.create_task(self._prepare(ask))
        recording = asyncio.create_task(desk.audit.append(entry))
        began = time.monotonic()
        try:
            async with asyncio.timeout(limit_s):
                await together(
                    asyncio.shield(preparing),
                    recording,
                    self._platform(ask, after=preparing if is_open else None),
                    self._look_up(ask),
                )
                if time.monotonic() - began > FRESH_S:
                    await self._look_up(ask)
        except TimeoutError:
            if recording.cancelled():
                raise AuditUnwritableError("The box's disk did not answer in time.") from None
            raise RefusedError("The platform did not answer in time.", code="failed") from None
        finally:
            # Also when the others refused: the ear hears a refusal of the prepared epoch only.
            await asyncio.wait({preparing}, timeout=PREPARED_S)

    async def _prepare(self, ask: Ask) -> None:
        if ask.epoch is None:
            session_id, only = ask.session.id, ask.only
            link = self._desk.link
            reply = await link.request(
                lambda n: PrepareGate(id=n, session_id=session_id, epoch=only)
            )
            ask.epoch = reply.epoch

    async def _platform(self, ask: Ask, after: asyncio.Task[None] | None) -> None:
        """A press may come before the platform knows this life of the process; it waits. Those who
        are to hear an open gate hear nothing of what was said to others: *after* wipes it.
        """
        await ask.session.ours.wait()
        if after is not None:
            await asyncio.shield(after)
        await self._desk.driver.set_audience(ask.session.handle, ask.audience)

    async def _look_up(self, ask: Ask) -> None:
        """The account may have changed since the call began, or since the page asked."""
        account = await self._accounts.get(ask.account.name)
        if account is None:
            raise RefusedError.because(Refusal.of(EndReason.NOT_PERMITTED))
        capabilities = self._desk.driver.capabilities
        refusal = unmute_refusal(account, ask.session.owner.name, ask.audience, capabilities)
        if refusal is not None:
            raise RefusedError.because(refusal)
