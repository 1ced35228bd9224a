"""Somebody who updates a box."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.provisioning.box.restart import Restart
from appliance.provisioning.bus import SystemBus
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.updates import Updates
from appliance.provisioning.updates.views import Progress, UpdatesView
from tests.support.provisioning_notes import Notes
from tests.support.rauc_box import RaucBox


@dataclass
class Bench:
    """Updates in one life of control, and what is behind them."""

    updates: Updates
    notes: Notes
    restart: Restart
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
    notes, bus = Notes(), SystemBus(box.address)
    restart = Restart(bus, notes, notes)
    folder = tmp_path / "cache"
    made = UpdateSettings(folder=folder, sticks=tmp_path / "sticks", **settings)
    updates = Updates(bus, made, notes, notes, restart)
    bench = Bench(updates, notes, restart, box, folder)
    updates.listen(bench.told.append)
    return bench


async def pieces_of(data: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    """As they come over the network."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        await asyncio.sleep(0)
