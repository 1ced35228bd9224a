"""The support bundle: a tar.gz that is made while it is sent, of bounded size."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.session import DeviceView
from appliance.platforms.protocol import PlatformConnection
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.health.monitor import HealthMonitor
from appliance.provisioning.support import facts
from appliance.provisioning.support.redaction import Redactor, redacted, secrets_in
from appliance.provisioning.support.secret_files import secrets_beside
from appliance.service.errors import BargeboxError

MAX_PART: Final = 2 * 1024 * 1024
"""Bytes of one file of the bundle; of a longer text the end is kept."""
PART_LIMIT_S: Final = 15.0
ABOUT = """\
Support bundle of a Bargebox. It holds: version, settings, health, device, log, metrics, units,
machine, packages and network addresses. Left out: passwords, tokens and keys (***), calls,
agents, customers and their numbers (#), the audit log and history, and any sound.
"""


class BundleError(BargeboxError):
    """Another bundle is being made."""

    code = "busy"


@dataclass(frozen=True, slots=True)
class Sources:
    """What the bundle is made of."""

    settings: BaseModel
    """The whole box's."""
    platform: Callable[[], PlatformSettings]
    """In use: chosen on the page, or the settings file's."""
    secrets: Callable[[], Iterable[str]]
    """Those of this process's memory, such as the local command line's token."""
    folders: tuple[Path, ...]
    """Where control keeps files; the first is the state directory."""
    device: Callable[[], DeviceView]
    connection: Callable[[], PlatformConnection]
    health: HealthMonitor
    audit: Audit
    journal: Callable[[], Iterable[str]] = facts.journal
    root: Path = Path("/")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle; *people* may be named in it, and are left out."""

    name: str
    work: Callable[[], object]
    """Gives a text, or something for JSON."""
    people: bool = False


class SupportBundle:
    """Makes bundles, one at a time."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._making = asyncio.Lock()

    async def make(self, who: str, figures: str) -> AsyncIterator[bytes]:
        """Have it on record that *who* takes one; then its bytes as they come, *figures* (the
        metrics) among them. Raises `BundleError`, `AuditUnwritableError`.
        """
        if self._making.locked():
            raise BundleError("Another bundle is being made. Try again in a moment.")
        await self._sources.audit.append(Entry(who, "support_bundle"))
        return self._bytes(figures)

    async def _bytes(self, figures: str) -> AsyncIterator[bytes]:
        async with self._making:
            pool = ThreadPoolExecutor(3, "support")  # what hangs is left to its thread
            loop = asyncio.get_running_loop()
            sink = _Sink()
            try:
                redactor = await loop.run_in_executor(pool, self._redactor)
                archive = await loop.run_in_executor(pool, _begin, sink)
                for part in self._parts(figures):
                    told = await _within(loop.run_in_executor(pool, facts.told, part.work))
                    await loop.run_in_executor(pool, _add, archive, part, told, redactor)
                    yield sink.taken()
                await loop.run_in_executor(pool, archive.close)
                yield sink.taken()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _redactor(self) -> Redactor:
        sources = self._sources
        known = [*secrets_in(sources.settings), *secrets_in(sources.platform())]
        return Redactor([*known, *sources.secrets(), *secrets_beside(*sources.folders)])

    def _parts(self, figures: str) -> list[Part]:
        sources = self._sources
        device, connection = sources.device(), sources.connection()
        health = [
            asdict(told.finding) | {"since": told.since.isoformat()}
            for told in sources.health.findings()
        ]
        state = {"device": _plain(device), "platform": asdict(connection)}
        return [
            Part("README.txt", lambda: f"{ABOUT}\nVersion {version('bargebox')}\n"),
            Part("settings.json", lambda: redacted(sources.settings)),
            Part("platform.json", lambda: redacted(sources.platform())),
            Part("health.json", lambda: health, people=True),
            Part("device.json", lambda: state, people=True),
            Part("metrics.txt", lambda: figures),
            Part("machine.txt", lambda: facts.machine(sources.root, sources.folders[0])),
            Part("packages.txt", facts.packages),
            Part("network.txt", facts.addresses),
            Part("units.txt", facts.units),
            Part("log.txt", lambda: "".join(sources.journal()), people=True),
        ]


async def _within(gathering: Awaitable[object]) -> object:
    try:
        async with asyncio.timeout(PART_LIMIT_S):
            return await gathering
    except TimeoutError:
        return "not available: it took too long\n"


class _Sink(io.RawIOBase):
    """Where the archive is written, until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Keep *data*."""
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _begin(sink: _Sink) -> tarfile.TarFile:
    return tarfile.open(fileobj=sink, mode="w|gz")


def _add(archive: tarfile.TarFile, part: Part, told: object, redactor: Redactor) -> None:
    if isinstance(told, str):
        # Cut before it is searched: a pattern at its worst takes time by the text's length.
        clean = redactor.clean(told[-MAX_PART:], people=part.people)
    else:
        clean = _json(redactor.clean_all(told, people=part.people))
    data = clean.encode("utf-8", "replace")
    entry = tarfile.TarInfo(f"bargebox-support/{part.name}")
    entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _plain(device: DeviceView) -> dict[str, object]:
    return {
        "leg_connected": device.leg_connected,
        "board": device.board,
        "headset": device.headset.model_dump(mode="json"),
        "lamps": device.lamps.model_dump(mode="json"),
        "volume": device.volume,
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
