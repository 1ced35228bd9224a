"""Somebody who updates a box."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.provisioning.bus import SystemBus
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.updates import Updates
from appliance.provisioning.updates.views import Progress, UpdatesView
from tests.support.provisioning_notes import Notes
from tests.support.rauc_box import RaucBox


@dataclass
class Restarts:
    """How often the box was restarted."""

    count: int = 0

    async def restart(self) -> None:
        self.count += 1


@dataclass
class Bench:
    """Updates in one life of control, and what is behind them."""

    updates: Updates
    notes: Notes
    restarts: Restarts
    box: RaucBox
    folder: Path
    told: list[Progress] = field(default_factory=list)
    """All progress, as whoever listens hears it."""

    async def upload(self, bundle: Path, name: str = "update.raucb") -> UpdatesView:
        data = await asyncio.to_thread(bundle.read_bytes)
        return await self.updates.upload("tom", name, len(data), pieces_of(data))

    async def install(self, bundle: Path, *, older: bool = False) -> None:
        """Until RAUC has begun."""
        await self.upload(bundle)
        await self.updates.install("tom", older=older)

    async def until(self, true: Callable[[Progress], Any], limit_s: float = 20.0) -> Progress:
        async with asyncio.timeout(limit_s):
            while not true(self.updates.progress):
                await asyncio.sleep(0.01)
        return self.updates.progress

    async def ended(self) -> Progress:
        """How the installation ended."""
        return await self.until(lambda progress: progress.outcome)

    def left(self) -> list[str]:
        """What is in the folder of uploads."""
        return sorted(path.name for path in self.folder.glob("*"))


def make_bench(box: RaucBox, tmp_path: Path, **settings: Any) -> Bench:
    """A life of control; to be started and stopped."""
    notes, restarts = Notes(), Restarts()
    folder = tmp_path / "cache"
    made = UpdateSettings(folder=folder, sticks=tmp_path / "sticks", **settings)
    updates = Updates(SystemBus(box.address), made, notes, notes, restarts)
    bench = Bench(updates, notes, restarts, box, folder)
    updates.listen(bench.told.append)
    return bench


async def pieces_of(data: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    """As they come over the network."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        await asyncio.sleep(0)
