"""A box's audit log and log lines, and what a log server has of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.store import Store
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.logs.position import PositionFile
from appliance.provisioning.logs.settings import LogForwarding, LogForwardingFile
from tests.support.log_server import LogServer

log = logging.getLogger("appliance.test")
"""What is said to it is a log line of the box."""


class Box:
    """An audit log, and where it is sent."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.audit = folder, Audit(store)
        self.died: list[str] = []
        self.logs = self.forwarder()

    def forwarder(self, most: int = 5000) -> LogForwarder:
        """Another life of control; at *most* so many lines wait."""
        return LogForwarder(
            LogForwardingFile(self.folder / "log-forwarding.json"),
            PositionFile(self.folder / "log-forwarding.position"),
            self.audit,
            lambda: "desk-7",
            journal=False,
            most=most,
            on_death=self.died.append,
        )

    async def write(self, *actions: str) -> None:
        """Rows of the audit log, each with a telephone number in it."""
        for action in actions:
            detail = {"customer": "+491701234567"}
            await self.audit.append(Entry("sam", action, "session-1", "call-1", detail=detail))


def by(at: LogServer, transport: str, **more: object) -> LogForwarding:
    """The settings for that server."""
    host = "localhost" if transport == "tls" else "127.0.0.1"
    usual = {"transport": transport, "server": host, "port": at.ports[transport]}
    values = {**usual, **more}
    return LogForwarding.model_validate(values)


async def until(condition: Callable[[], bool], limit_s: float = 15.0) -> None:
    """Wait for a condition that may read files."""
    async with asyncio.timeout(limit_s):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


def texts(server: LogServer, kind: str = "") -> list[str]:
    """What was received, of that *kind* alone if one is given."""
    return [row[7] for row in server.received if not kind or row[5] == kind]


def heads(server: LogServer, seq: int) -> int:
    """How many signed heads were received that name row *seq* as the last one."""
    return sum(f'"seq":{seq},' in text for text in texts(server, "audit_head"))
