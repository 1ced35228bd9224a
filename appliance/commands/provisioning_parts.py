"""What sets the box up and keeps it well, put together over the box and its monitoring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from appliance.commands.box_parts import BoxParts
from appliance.commands.monitoring_parts import MonitoringParts
from appliance.commands.services import make_provisioner, services_of
from appliance.console.settings_desk import SettingsDesk
from appliance.console.wording import PLATFORMS
from appliance.provisioning.first_start.evidence import Evidence, Witnesses
from appliance.provisioning.first_start.guide import Guide
from appliance.provisioning.first_start.unattended import Unattended
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.checks.audit import audit_fault
from appliance.provisioning.health.monitor import HealthMonitor
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.logs.position import PositionFile
from appliance.provisioning.logs.settings import LogForwardingFile
from appliance.provisioning.reset.marker import Marker
from appliance.provisioning.reset.order import FactoryReset
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.report import KEPT
from appliance.provisioning.support.bundle import Sources, SupportBundle
from appliance.settings import InForce, Settings


@dataclass(frozen=True, slots=True)
class ProvisioningParts:
    """Made, and not begun."""

    logs: LogForwarder
    health: HealthMonitor
    support: SupportBundle
    guide: Guide
    provisioner: Provisioner
    site: SettingsDesk
    reset: FactoryReset


def make_provisioning_parts(
    found: InForce,
    file: Path,
    monitoring: MonitoringParts,
    box: BoxParts,
    renew: Callable[[], None],
) -> ProvisioningParts:
    """Those for the settings *found* for the settings *file*; *renew* begins a new life."""
    settings, own = found.settings, found.settings.box
    service, choice, audit = monitoring.service, monitoring.choice, monitoring.service.audit
    logs = LogForwarder(
        LogForwardingFile(own.log_forwarding),
        PositionFile(own.log_position),
        audit,
        lambda: box.system.names.now,
    )
    health = HealthMonitor(_looked_at(found, monitoring, box, logs), audit)
    services = services_of(
        found, file, monitoring.store, monitoring.accounts, audit, box,
        check_platform=lambda: choice.check(choice.now.settings),
    )  # fmt: skip
    evidence = _evidence(settings, monitoring, box)
    unattended = Unattended(box.first_start, evidence)
    provisioner = make_provisioner(services, own, monitoring.accounts, box.first_start, unattended)
    return ProvisioningParts(
        logs=logs,
        health=health,
        support=_support(settings, monitoring, health),
        guide=Guide(box.first_start, evidence),
        provisioner=provisioner,
        site=SettingsDesk(services, provisioner, service, own.provisioning / KEPT, renew=renew),
        reset=FactoryReset(Marker(own.state_dir), audit, service, box.system.names, renew=renew),
    )


def _looked_at(
    found: InForce, monitoring: MonitoringParts, box: BoxParts, logs: LogForwarder
) -> Box:
    """What the checks of the box's health look at."""
    settings, fault = found.settings, found.fault
    service, choice = monitoring.service, monitoring.choice
    return Box(
        database=settings.box.database,
        store=monitoring.store,
        device=service.device,
        connection=lambda: service.book.connection,
        settings_fault="" if fault is None else fault.detail,
        platform_fault=lambda: choice.now.fault,
        forget_platform=choice.go_back,
        first_password_unchanged=monitoring.accounts.first_password_unchanged,
        first_start_unfinished=lambda: box.first_start.now.unfinished,
        certificate_ends_s=box.certificates.expires_s if settings.console.secure else _never,
        audit_fault=partial(audit_fault, service.audit),
        logs=lambda: logs.state,
    )


def _never() -> float | None:
    return None


def _evidence(settings: Settings, monitoring: MonitoringParts, box: BoxParts) -> Evidence:
    """Whom the first start asks whether a step is done."""
    service, choice = monitoring.service, monitoring.choice
    return Evidence(
        Witnesses(
            system=box.system,
            certificates=box.certificates,
            secure=settings.console.secure,
            platform=lambda: PLATFORMS[choice.now.settings.driver][0],
            test_platform=lambda: choice.check(choice.now.settings),
            connection=lambda: service.book.connection,
            device=service.device,
            checked=lambda: service.checks.now,
            accounts=monitoring.accounts,
        )
    )


def _support(
    settings: Settings, monitoring: MonitoringParts, health: HealthMonitor
) -> SupportBundle:
    """What the support bundle is made of, and all secrets that could be in it."""
    service, choice, pair = monitoring.service, monitoring.choice, settings.console.tls_pair
    return SupportBundle(
        Sources(
            settings=settings,
            platform=lambda: choice.now.settings,
            secrets=lambda: [monitoring.accounts.local_token, *monitoring.openid.secrets()],
            folders=(settings.box.state_dir, *([] if pair is None else [pair[1].parent])),
            device=service.device,
            connection=lambda: service.book.connection,
            health=health,
            audit=service.audit,
        )
    )
