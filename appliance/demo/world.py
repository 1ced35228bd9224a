"""The whole demo world: a box, its contact centre, and the browser's ear.

The tests and the benches live in the same world, so what they show is what a newcomer runs.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.demo.box import Box, Person, Sections, free_ports
from appliance.demo.processes import OUTSIDE_PRIORITY, Child

TENANT = "sandbox"


@dataclass(frozen=True)
class Options:
    """What differs between the demo, the tests and the benches."""

    port: int = 0
    centre: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the contact centre over its defaults."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the box over the demo's: section → field → value."""
    people: tuple[Person, ...] = (Person("supervisor", "Administrator"),)
    ear: bool = True
    log_level: str = "warning"


class World(Box):
    """A box at the sandbox."""

    def __init__(self, directory: Path, options: Options) -> None:
        self.options = options
        page, centre, self._ear_port = free_ports(3)
        self.centre_url = f"ws://127.0.0.1:{centre}"
        self.centre_token = secrets.token_urlsafe(24)
        self.admin_token = secrets.token_urlsafe(24)
        super().__init__(
            directory,
            options.settings,
            options.people,
            port=options.port or page,
            log_level=options.log_level,
        )
        self.centre = self._centre()
        self.ear = self._ear()

    async def start(self) -> None:
        """Returns when calls can be monitored. Raises `WorldError`."""
        await self.prepare()
        await self.centre.start()
        await self.leg.start()
        await self.until(self._centre_listens)
        await self.control.start()
        if self.options.ear:
            await self.ear.start()
        await self.until(self.ready)

    def children(self) -> tuple[Child, ...]:
        """The processes, in the order in which they are stopped."""
        return (*super().children(), self.ear, self.centre)

    def _make_files(self) -> None:
        super()._make_files()
        centre = self.directory / "centre.json"
        centre.write_text(json.dumps(self._centre_settings()))
        centre.chmod(0o600)

    def _centre_settings(self) -> dict[str, Any]:
        return {
            "port": int(self.centre_url.rpartition(":")[2]),
            "token": self.centre_token,
            "admin_token": self.admin_token,
            "tenant": TENANT,
            **self.options.centre,
        }

    def _basic_settings(self) -> Sections:
        demo = super()._basic_settings() | {
            "leg": {"loopback_candidates": True},
            "platform": {"driver": "sandbox"},
            "platform.sandbox": {
                "url": self.centre_url,
                "token": self.centre_token,
                "tenant": TENANT,
            },
        }
        if self.options.ear:
            demo["console"]["ear_url"] = f"http://127.0.0.1:{self._ear_port}/"
        return demo

    def _centre(self) -> Child:
        settings = str(self.directory / "centre.json")
        arguments = ["-m", "appliance.platforms.sandbox.centre", "--settings", settings]
        return Child("contact centre", arguments, {}, priority=OUTSIDE_PRIORITY)

    def _ear(self) -> Child:
        arguments = ["-m", "appliance.demo.ear", "--port", str(self._ear_port)]
        arguments += ["--page-origin", self.url, "--", *self.card.tap_command()]
        return Child("ear", arguments, self.card.environment())

    def _centre_listens(self) -> bool:
        address = ("127.0.0.1", int(self.centre_url.rpartition(":")[2]))
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return False
        return True
