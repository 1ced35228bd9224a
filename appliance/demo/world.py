"""The whole demo world: virtual headset, contact centre, leg, control, and the browser's ear.

The tests and the benches live in the same world, so what they show is what a newcomer runs.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from appliance.demo.processes import Child
from appliance.demo.soundcard import HEADSET, VirtualCard
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.store import Store
from appliance.service.errors import BargeboxError

READY_LIMIT_S = 60.0
MAX_STARTS = 5
TENANT = "sandbox"


class WorldError(BargeboxError):
    """The demo does not come up."""

    code = "demo"


@dataclass(frozen=True)
class Person:
    """An account of the demo."""

    name: str
    role: str = "Supervisor"
    agent_ids: tuple[str, ...] = ()
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))


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


class World:
    """An async context manager; everything it makes lies in *directory* and ends with it."""

    def __init__(self, directory: Path, options: Options) -> None:
        self.directory = directory
        self.options = options
        self.card = VirtualCard(directory / "card")
        self.run_dir = directory / "run"
        self.state_dir = directory / "state"
        self.settings_file = directory / "bargebox.toml"
        page, centre, self._ear_port = free_ports(3)
        self.port = options.port or page
        self.url = f"http://127.0.0.1:{self.port}"
        self.tokens: dict[str, str] = {}
        self.centre_url = f"ws://127.0.0.1:{centre}"
        self.centre_token = secrets.token_urlsafe(24)
        self.admin_token = secrets.token_urlsafe(24)
        self.centre = self._centre()
        self.leg = self._box("leg")
        self.control = self._box("control")
        self.ear = self._ear()

    @property
    def panel_socket(self) -> Path:
        """The virtual panel of the leg."""
        return self.run_dir / "panel.sock"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            await self._start()
            undo.pop_all()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def _start(self) -> None:
        await asyncio.to_thread(self._prepare)
        await self._make_people()
        await self.centre.start()
        await self.leg.start()
        await self._until(self._centre_listens)
        await self.control.start()
        if self.options.ear:
            await self.ear.start()
        await self._until(self._box_is_ready)

    async def stop(self) -> None:
        """Control and leg first: they leave the call in good order."""
        for child in (self.control, self.leg, self.ear, self.centre):
            await child.stop()
        await asyncio.to_thread(self.card.stop)

    def _prepare(self) -> None:
        for folder in (self.run_dir, self.state_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.settings_file.write_text(to_toml(self._settings()))
        self.settings_file.chmod(0o600)
        centre = self.directory / "centre.json"
        centre.write_text(json.dumps(self._centre_settings()))
        centre.chmod(0o600)
        self.card.start()

    def _centre_settings(self) -> dict[str, Any]:
        return {
            "port": int(self.centre_url.rpartition(":")[2]),
            "token": self.centre_token,
            "admin_token": self.admin_token,
            "tenant": TENANT,
            **self.options.centre,
        }

    def _settings(self) -> dict[str, dict[str, Any]]:
        demo: dict[str, dict[str, Any]] = {
            "box": {"run_dir": str(self.run_dir), "state_dir": str(self.state_dir)},
            "leg": {"loopback_candidates": True},
            "audio": {"headset": HEADSET},
            "panel": {"board": "virtual"},
            "platform": {"driver": "sandbox"},
            "platform.sandbox": {
                "url": self.centre_url,
                "token": self.centre_token,
                "tenant": TENANT,
            },
            "console": {"port": self.port},
        }
        if self.options.ear:
            demo["console"]["ear_url"] = f"http://127.0.0.1:{self._ear_port}/"
        for section, fields in self.options.settings.items():
            demo.setdefault(section, {}).update(fields)
        return demo

    def _box(self, command: str) -> Child:
        arguments = ["-m", "appliance.cli", command, "--settings", str(self.settings_file)]
        arguments += ["--log-level", self.options.log_level]
        return Child(command, arguments, self.card.environment(), prompt=command == "leg")

    def _centre(self) -> Child:
        settings = str(self.directory / "centre.json")
        arguments = ["-m", "appliance.platforms.sandbox.centre", "--settings", settings]
        # In life it has a machine of its own.
        return Child("contact centre", arguments, {}, prompt=True)

    def _ear(self) -> Child:
        arguments = ["-m", "appliance.demo.ear", "--port", str(self._ear_port)]
        arguments += ["--page-origin", self.url, "--", *self.card.tap_command()]
        return Child("ear", arguments, self.card.environment())

    async def _make_people(self) -> None:
        store = await asyncio.to_thread(Store, self.state_dir / "bargebox.sqlite3")
        accounts = Accounts(store)
        try:
            for person in self.options.people:
                await accounts.create(
                    person.name,
                    person.role,
                    person.password,
                    agent_ids={"sandbox": person.agent_ids},
                    must_change=False,
                )
                self.tokens[person.name] = await accounts.create_token(person.name, "demo")
        finally:
            await accounts.close()
            await store.close()

    async def _until(self, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < until:
            if await asyncio.to_thread(ready):
                return
            for child in (self.centre, self.leg, self.control):
                if child.starts > MAX_STARTS:
                    raise WorldError(f"The {child.name} process does not stay up; see above.")
            await asyncio.sleep(0.05)
        raise WorldError(
            f"The demo did not come up within {READY_LIMIT_S:.0f} s; its messages are above."
        )

    def _centre_listens(self) -> bool:
        address = ("127.0.0.1", int(self.centre_url.rpartition(":")[2]))
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return False
        return True

    def _box_is_ready(self) -> bool:
        """A headset is plugged in, the platform is connected and lists calls."""
        token = next(iter(self.tokens.values()))
        try:
            device = self.get("/device", token)
            listed = self.get("/interactions?per_page=1", token)
        except (OSError, ValueError):
            return False
        return bool(device["headset"]["playing"] and listed["platform"]["connected"])

    def get(self, path: str, token: str) -> Any:
        """One GET under ``/api/v1``. Raises ``OSError`` when refused or unreachable."""
        request = urllib.request.Request(  # noqa: S310 (our own loopback address)
            f"{self.url}/api/v1{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return json.load(answer)


def free_ports(count: int) -> list[int]:
    """TCP ports on loopback that nobody uses now, each another one."""
    with ExitStack() as held:  # a port that was given back at once may come a second time
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def is_free(port: int) -> bool:
    """Whether this TCP port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def to_toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Plain settings as TOML; JSON's strings, numbers and arrays are TOML's too."""
    lines: list[str] = []
    for section, fields in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    return "\n".join(lines) + "\n"
