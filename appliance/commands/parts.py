"""The parts of the control process: made from the settings, begun in order, stopped in reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from appliance.commands.box_parts import BoxParts, make_box_parts
from appliance.commands.monitoring_parts import MonitoringParts, make_monitoring_parts
from appliance.commands.provisioning_parts import ProvisioningParts, make_provisioning_parts
from appliance.commands.services import begin_first_start
from appliance.console.app import create_app
from appliance.console.ports import Ports
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.roles import Roles
from appliance.panel.virtual_client import AsyncVirtualPanel
from appliance.provisioning.health.checks.restarts import count_start
from appliance.service.jobs import Jobs
from appliance.settings import InForce


@dataclass(frozen=True, slots=True)
class Parts:
    """One life of control: what has a beginning and an end, and the app before it."""

    app: FastAPI
    panel: AsyncVirtualPanel
    monitoring: MonitoringParts
    box: BoxParts
    provisioning: ProvisioningParts
    jobs: Jobs

    @asynccontextmanager
    async def running(self, *, first: bool) -> AsyncIterator[None]:
        """All of it, in the *first* life of the process or a later one. Raises `BargeboxError`.

        Each part is stopped, whatever became of the one before.
        """
        async with AsyncExitStack() as stack:
            self._stop_with(stack)
            await self._begin(first=first)
            yield

    def _stop_with(self, stack: AsyncExitStack) -> None:
        """The last of these is stopped first."""
        stack.push_async_callback(self.monitoring.store.close)
        stack.push_async_callback(self.monitoring.accounts.close)
        stack.callback(self.panel.close)
        stack.push_async_callback(self.provisioning.logs.stop)
        stack.push_async_callback(self.monitoring.service.stop)
        stack.push_async_callback(self.box.certificates.stop)
        stack.push_async_callback(self.box.system.stop)
        stack.push_async_callback(self.provisioning.health.stop)
        stack.push_async_callback(self.jobs.finish, 0.0)

    async def _begin(self, *, first: bool) -> None:
        monitoring, box, provisioning = self.monitoring, self.box, self.provisioning
        await monitoring.accounts.begin()
        await begin_first_start(box.first_start, monitoring.accounts)
        await box.certificates.begin()
        await box.authorities.begin()
        await monitoring.openid.begin()
        if first:
            await count_start(monitoring.store)
        await monitoring.service.start()
        await provisioning.logs.begin()
        provisioning.health.start()
        box.system.start()
        provisioner = provisioning.provisioner
        self.jobs.spawn(provisioner.go_on(), "provisioning")
        self.jobs.spawn(provisioner.watch(provisioning.site.begin_anew), "sticks")


async def make_parts(found: InForce, file: Path, renew: Callable[[], None]) -> Parts:
    """Make them, for the settings *found* for the settings *file*; *renew* begins a new life."""
    settings = found.settings
    monitoring = await make_monitoring_parts(settings, renew)
    service = monitoring.service
    box = make_box_parts(settings, monitoring.store, service.audit, service)
    provisioning = make_provisioning_parts(found, file, monitoring, box, renew)
    panel = AsyncVirtualPanel(settings.box.panel_socket)
    shown = panel if settings.panel.board == "virtual" else None
    app = create_app(_ports(monitoring, box, provisioning, shown), settings.console)
    return Parts(app, panel, monitoring, box, provisioning, Jobs())


def _ports(
    monitoring: MonitoringParts,
    box: BoxParts,
    provisioning: ProvisioningParts,
    panel: AsyncVirtualPanel | None,
) -> Ports:
    """What of all this the page and the API need."""
    service, audit = monitoring.service, monitoring.service.audit
    return Ports(
        accounts=monitoring.accounts,
        manager=AccountManager(monitoring.store, audit, monitoring.accounts),
        roles=Roles(monitoring.store, audit),
        book=service.book,
        monitoring=service,
        watches=service.watches,
        history=service.history,
        audit=audit,
        platform=monitoring.driver,
        choice=monitoring.choice,
        system=box.system,
        panel=panel,
        certificates=box.certificates,
        authorities=box.authorities,
        openid=monitoring.openid,
        health=provisioning.health,
        site=provisioning.site,
        support=provisioning.support,
        checks=service.checks,
        first_start=provisioning.guide,
        logs=provisioning.logs,
        reset=provisioning.reset,
    )
