"""A box for the checks: a real database and files of its own; what others tell is set at will."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.control_link.states import HeadsetState
from appliance.monitoring.audit import Audit
from appliance.monitoring.session import DeviceView
from appliance.monitoring.store import Store
from appliance.platforms.protocol import PlatformConnection
from appliance.provisioning.health.box import Box


@dataclass
class Told:
    """What the box's other parts say."""

    device: DeviceView = field(
        default_factory=lambda: DeviceView(
            leg_connected=True, board="virtual", headset=HeadsetState(present=True, name="Jabra")
        )
    )
    connection: PlatformConnection = field(default_factory=lambda: PlatformConnection(True))
    platform_fault: str = ""
    first_password: bool = False
    first_start: bool = False
    certificate_s: float | None = None
    audit_fault: str = ""
    forgot: list[str] = field(default_factory=list)
    fault: Exception | None = None


@dataclass
class HealthBox:
    """The box, its parts, and its database."""

    box: Box
    told: Told
    store: Store
    audit: Audit


@asynccontextmanager
async def health_box(folder: Path, *, settings_fault: str = "") -> AsyncIterator[HealthBox]:
    """A healthy one."""
    store = await Store.open(folder / "bargebox.sqlite3")
    told = Told()

    async def forget(who: str) -> None:
        told.forgot.append(who)
        told.platform_fault = ""

    async def first_password() -> bool:
        if told.fault is not None:
            raise told.fault
        return told.first_password

    async def audit_fault() -> str:
        return told.audit_fault

    box = Box(
        database=folder / "bargebox.sqlite3",
        store=store,
        device=lambda: told.device,
        connection=lambda: told.connection,
        settings_fault=settings_fault,
        platform_fault=lambda: told.platform_fault,
        forget_platform=forget,
        first_password_unchanged=first_password,
        first_start_unfinished=lambda: told.first_start,
        certificate_ends_s=lambda: told.certificate_s,
        audit_fault=audit_fault,
        root=folder,
    )
    yield HealthBox(box, told, store, Audit(store))
    await store.close()
