"""What a document of settings is checked against and applied to, put together for one box."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.commands.box_parts import BoxParts
from appliance.console.local_access import BoxAccounts
from appliance.monitoring.accounts import FIRST_ACCOUNT
from appliance.monitoring.audit import Audit
from appliance.monitoring.people import People
from appliance.monitoring.store import Store
from appliance.platforms.protocol import Check
from appliance.provisioning.chosen import ChosenFile, HeadsetPart, PanelPart
from appliance.provisioning.first_start.first_start import FirstStart
from appliance.provisioning.first_start.steps import State, Step
from appliance.provisioning.first_start.unattended import Unattended
from appliance.provisioning.platform_file import PlatformFile
from appliance.provisioning.site_file.places import Places
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.services import FileSettings, Services
from appliance.service.errors import BargeboxError
from appliance.settings import BoxSettings, InForce


def services_of(
    found: InForce,
    file: Path,
    store: Store,
    accounts: BoxAccounts,
    audit: Audit,
    box: BoxParts,
    *,
    check_platform: Callable[[], Awaitable[list[Check]]] | None = None,
) -> Services:
    """Those of the *box* with the settings *found* for the settings *file*."""
    plain = found.file
    return Services(
        system=box.system,
        certificates=box.certificates,
        authorities=box.authorities,
        platform=PlatformFile(plain.box.platform_file),
        people=People(store, audit),
        chosen=ChosenFile.beside(file),
        file=FileSettings(
            monitoring=plain.monitoring,
            headset=HeadsetPart(choice=plain.audio.headset),
            panel=PanelPart(board=plain.panel.board, push_to_talk=plain.panel.push_to_talk),
            platform=plain.platform,
            boards_dir=plain.panel.boards_dir,
        ),
        audit=audit,
        hashed=accounts.passwords.hash,
        used_up=lambda: accounts.forget_first_password(FIRST_ACCOUNT),
        check_platform=check_platform,
    )


def places_of(box: BoxSettings) -> Places:
    """Where the box keeps its plan, and looks for documents."""
    return Places(box.provisioning, box.provisioning_dirs, box.provisioning_media)


def make_provisioner(
    services: Services,
    box: BoxSettings,
    accounts: BoxAccounts,
    first_start: FirstStart,
    unattended: Unattended | None = None,
) -> Provisioner:
    """The box's; it is in service once its administrator has had a password of their own. That it
    is reset later, and has to be changed, does not make it a fresh box again.
    """

    async def in_service() -> bool:
        now = await first_start.load()
        begun = bool(now.steps) and now.of(Step.PASSWORD).state is State.OPEN
        fresh = begun and now.in_service is None
        return not (fresh and await accounts.first_password_unchanged())

    return Provisioner(services, places_of(box), in_service=in_service, first_start=unattended)


async def begin_first_start(first_start: FirstStart, accounts: BoxAccounts) -> None:
    """Of a box that nobody has signed in to; one that was in service before needs none."""
    if await accounts.first_password_unchanged() and len(await accounts.all()) == 1:
        await first_start.begin()
    else:
        await first_start.load()


def open_store(path: Path) -> Store:
    """The box's database. Raises `BargeboxError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BargeboxError(
            f"The state directory {path.parent} cannot be made: {error.strerror}.", code="state"
        ) from error
    return Store(path)
