"""The box's own services that control asks and tells over the system bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from appliance.provisioning.box.clock import Clock
from appliance.provisioning.box.names import Names
from appliance.provisioning.box.restart import Restart
from appliance.provisioning.box.shipped import ShippedFile
from appliance.provisioning.box.time_servers import TimeServersFile
from appliance.provisioning.bus import SystemBus
from appliance.provisioning.neighbours import Calls, Log
from appliance.provisioning.network.network import Network
from appliance.provisioning.network.settings import NetworkSettings
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.updates import Updates
from appliance.service.jobs import Jobs


@dataclass(frozen=True, slots=True)
class System:
    """Network, name, clock and updates, and the restart of it all."""

    network: Network
    names: Names
    clock: Clock
    updates: Updates
    restart: Restart

    jobs: Jobs = field(default_factory=Jobs)

    def start(self) -> None:
        """Begin to take up what a former life of this process left; nobody waits for services."""
        self.jobs.spawn(self.network.start(), "network at the start")
        self.jobs.spawn(self.names.start(), "names at the start")
        self.jobs.spawn(self.clock.start(), "clock at the start")
        self.jobs.spawn(self.updates.start(), "updates at the start")

    async def stop(self) -> None:
        """Cease to watch."""
        await self.jobs.finish(0.0)
        await self.network.stop()
        await self.updates.stop()
        await self.restart.stop()


def make_system(
    address: str,
    settings: NetworkSettings,
    time_servers: Path,
    audit: Log,
    calls: Calls,
    updates: UpdateSettings,
) -> System:
    """The services on the bus at *address*, an empty one for none."""
    bus = SystemBus(address)
    shipped = ShippedFile.beside(time_servers)
    restart = Restart(bus, audit, calls)
    return System(
        network=Network(bus, settings, audit, calls),
        names=Names(bus, audit, shipped=shipped),
        clock=Clock(bus, TimeServersFile(time_servers), audit, shipped),
        updates=Updates(bus, updates, audit, calls, restart),
        restart=restart,
    )
