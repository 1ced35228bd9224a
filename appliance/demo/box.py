"""A whole box without its hardware: the real leg and control, with the virtual headset and panel.

At which platform it is, its settings say. The demo is one at the sandbox (`world`).
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Self

from appliance.demo.processes import LEG_PRIORITY, Child
from appliance.demo.soundcard import HEADSET, VirtualCard
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.store import Store
from appliance.service.errors import BargeboxError

READY_LIMIT_S = 60.0
MAX_STARTS = 5

Sections = dict[str, dict[str, Any]]
"""Settings of the box: section → field → value."""


class WorldError(BargeboxError):
    """The demo does not come up."""

    code = "demo"


@dataclass(frozen=True)
class Person:
    """An account of the box."""

    name: str
    role: str = "Supervisor"
    agent_ids: tuple[str, ...] = ()
    """At the box's platform."""
    password: str = field(default_factory=lambda: token_urlsafe(12))


class Box:
    """An async context manager; everything it makes lies in *directory* and ends with it.

    *settings* come over its own; they name the platform.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, Mapping[str, Any]],
        people: tuple[Person, ...],
        *,
        port: int = 0,
        log_level: str = "warning",
    ) -> None:
        self.directory = directory
        self.people = people
        self.card = VirtualCard(directory / "card")
        self.run_dir = directory / "run"
        self.state_dir = directory / "state"
        self.settings_file = directory / "bargebox.toml"
        self.port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.tokens: dict[str, str] = {}
        self._log_level = log_level
        self.settings = self._basic_settings()
        for section, fields in settings.items():
            self.settings.setdefault(section, {}).update(fields)
        self.leg = self._process("leg")
        self.control = self._process("control")

    @property
    def panel_socket(self) -> Path:
        """The virtual panel of the leg."""
        return self.run_dir / "panel.sock"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            await self.start()
            undo.pop_all()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Returns when calls can be monitored. Raises `WorldError`."""
        await self.prepare()
        await self.leg.start()
        await self.control.start()
        await self.until(self.ready)

    async def stop(self) -> None:
        """Control and leg first: they leave the call in good order."""
        for child in self.children():
            await child.stop()
        await asyncio.to_thread(self.card.stop)

    def children(self) -> tuple[Child, ...]:
        """The processes, in the order in which they are stopped."""
        return (self.control, self.leg)

    async def prepare(self) -> None:
        """Folders, settings, headset and accounts."""
        await asyncio.to_thread(self._make_files)
        await self._make_people()

    def _make_files(self) -> None:
        for folder in (self.run_dir, self.state_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.settings_file.write_text(to_toml(self.settings))
        self.settings_file.chmod(0o600)
        self.card.start()

    def _basic_settings(self) -> Sections:
        return {
            # The machine's own network, name and clock are nothing to play with.
            "box": {
                "run_dir": str(self.run_dir),
                "state_dir": str(self.state_dir),
                "system_bus": "",
                "provisioning_dirs": [],
                "provisioning_media": [],
            },
            "audio": {"headset": HEADSET},
            "panel": {"board": "virtual"},
            "console": {"port": self.port},
        }

    def _process(self, command: str) -> Child:
        arguments = ["-m", "appliance.cli", command, "--settings", str(self.settings_file)]
        arguments += ["--log-level", self._log_level]
        priority = LEG_PRIORITY if command == "leg" else 0
        return Child(command, arguments, self.card.environment(), priority=priority)

    async def _make_people(self) -> None:
        platform = self.settings["platform"]["driver"]
        store = await asyncio.to_thread(Store, self.state_dir / "bargebox.sqlite3")
        accounts = Accounts(store)
        try:
            for person in self.people:
                await accounts.create(
                    person.name,
                    person.role,
                    person.password,
                    agent_ids={platform: person.agent_ids},
                    must_change=False,
                )
                self.tokens[person.name] = await accounts.create_token(person.name, "demo")
        finally:
            await accounts.close()
            await store.close()

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for it, in a thread each time. Raises `WorldError`."""
        until = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < until:
            if await asyncio.to_thread(ready):
                return
            for child in self.children():
                if child.starts > MAX_STARTS:
                    raise WorldError(f"The {child.name} process does not stay up; see above.")
            await asyncio.sleep(0.05)
        raise WorldError(
            f"The box did not come up within {READY_LIMIT_S:.0f} s; its messages are above."
        )

    def ready(self) -> bool:
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
        lines += [f"{name} = {_value(value)}" for name, value in fields.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
