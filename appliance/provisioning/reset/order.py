"""Orders a factory reset: the box's name typed, nobody in a call, on record, then a new life."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from appliance.monitoring.audit import Entry
from appliance.monitoring.audit_head import SignedHead
from appliance.provisioning.box.names import Names
from appliance.provisioning.neighbours import Calls, Log
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.renewal import Renewal
from appliance.provisioning.reset.marker import Marker, Ordered
from appliance.provisioning.words import said
from appliance.service.journal import fields

log = logging.getLogger(__name__)


class SignedLog(Log, Protocol):
    """The audit log, which knows where it ends."""

    async def head(self) -> SignedHead | None:
        """Its signed head."""


class FactoryReset:
    """One at a time; *renew* begins the life of control that carries it out."""

    def __init__(
        self,
        marker: Marker,
        audit: SignedLog,
        calls: Calls,
        names: Names,
        *,
        renew: Callable[[], None],
    ) -> None:
        self._marker, self._audit, self._names = marker, audit, names
        self._renewal = Renewal(calls, renew)

    @property
    def name(self) -> str:
        """What has to be typed: the box's name."""
        return self._names.now or socket.gethostname()

    @property
    def first_password(self) -> Path:
        """Where the new one-time password will be."""
        return self._marker.folder / "first-password"

    async def head(self) -> SignedHead | None:
        """Where the audit log ends now."""
        return await self._audit.head()

    async def order(self, who: str, typed: str) -> SignedHead | None:
        """Have everything go that was made here; the last signed head of the audit log, which is
        in the journal too.

        Raises `NotChangedError` for another name, ``busy`` in a call, ``audit_unwritable``,
        ``state``; then nothing has changed.
        """
        if typed.strip().casefold() != self.name.casefold():
            raise NotChangedError.of({"name": said("This box is called {name}.", name=self.name)})
        if self._renewal.begun:
            raise NotChangedError("The box is being reset already.", code="busy")
        async with self._renewal.once():
            await self._audit.append(Entry(who, "factory_reset"))
            head = await self._audit.head()
            ordered = Ordered() if head is None else Ordered(seq=head.seq, hash=head.hash)
            await asyncio.to_thread(self._marker.write, ordered)
            if head is not None:
                told = fields(audit_seq=head.seq, audit_hash=head.hash)
                log.warning("factory reset; the audit log ends here: %s", head.line(), extra=told)
        return head
