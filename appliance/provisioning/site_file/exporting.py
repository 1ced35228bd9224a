"""The box as a document: always the same text for the same state.

What is not the site's own is not in it: certificates that the box made itself, what is at its
default, and the network of a machine that the box does not manage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

import tomlkit
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from appliance.monitoring.people import KeptAccount
from appliance.monitoring.policy import ROLES
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.certificates.folder import UPLOADED
from appliance.provisioning.chosen import ChosenSettings, HeadsetPart, PanelPart, SitePart
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.provisioning.site_file.document import LogsPart
from appliance.provisioning.site_file.parts_network import settings_of
from appliance.provisioning.site_file.services import Services

Data = dict[str, Any]

CERTIFICATE: Final = "certificate"


async def document_of(box: Services, *, secrets: bool = False) -> Data:
    """The state of *box*, as a document takes it; without *secrets* none is in it.

    Then the certificate is there without its key, so that two boxes can be compared by it.
    Raises `StoreError`, `BargeboxError`.
    """
    roles, accounts = await box.people.all()
    found: Data = {
        "box": await _box(box),
        "time": await _time(box),
        "network": await _network(box),
        CERTIFICATE: await asyncio.to_thread(_certificate, box, secrets),
        "authorities": [
            {"pem": one.public_bytes(Encoding.PEM).decode()} for one in box.authorities.certificates
        ],
        "platform": _plain(await asyncio.to_thread(box.platform_now), secrets=secrets),
        "roles": [
            {"name": name, "permissions": sorted(granted)} for name, granted in roles.items()
        ],
        # Those of the identity provider are made as they sign in, and have no password here.
        "accounts": [
            _account(one, secrets=secrets) for one in accounts if one.record.account.kind == "local"
        ],
        **(await asyncio.to_thread(chosen_of, box)).model_dump(mode="json", exclude_none=True),
        "logs": LogsPart.of(await asyncio.to_thread(box.logs.read)).model_dump(),
        "openid": _openid(await box.openid.read(), [*ROLES, *roles], secrets=secrets),
    }
    return {name: part for name, part in found.items() if part}


def as_toml(data: Data, *comments: str) -> str:
    """*data* as a text, with *comments* before it."""
    head = "".join(f"# {line}\n".replace("# \n", "#\n") for line in comments)
    return (head + "\n" if head else "") + tomlkit.dumps(data)


async def _box(box: Services) -> Data:
    names, clock = await box.system.names.view(), await box.system.clock.view()
    found = {"name": names.name, "description": names.description} if names.managed else {}
    return found | ({"time_zone": clock.time_zone} if clock.managed else {})


async def _time(box: Services) -> Data:
    clock = await box.system.clock.view()
    return {"ntp": clock.ntp, "servers": clock.servers} if clock.managed else {}


async def _network(box: Services) -> Data:
    view = await box.system.network.view()
    wired = [one for one in view.devices if one.kind == "wired" and one.settings is not None]
    for device in sorted(wired, key=lambda one: one.state != "connected"):
        settings = settings_of(device)
        if settings is not None:
            return {"device": device.name, **_without_none(settings)}
    return {}


def _certificate(box: Services, secrets: bool) -> Data:
    now = box.certificates.now
    if now.origin != "uploaded":
        return {}
    if secrets:
        pair = box.certificates.folder.pair(UPLOADED)
        return {} if pair is None else {"pem": pair.pem().decode()}
    return {"pem": "".join(one.public_bytes(Encoding.PEM).decode() for one in now.chain)}


def _plain(settings: PlatformSettings, *, secrets: bool) -> Data:
    """The driver with its section, and what differs from the defaults in the others."""
    found: Data = _open(settings.model_dump(exclude_defaults=True), secrets=secrets)
    return {"driver": settings.driver, settings.driver: {}, **found}


def _open(value: Any, *, secrets: bool) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {
            name: _open(one, secrets=secrets)
            for name, one in value.items()
            if one is not None and (secrets or not isinstance(one, SecretStr))
        }
    if isinstance(value, list | tuple):
        return [_open(one, secrets=secrets) for one in value]
    return value if isinstance(value, bool | int | float | str) else str(value)


def _without_none(values: Data) -> Data:
    found: Data = _open(values, secrets=False)
    return found


def _openid(settings: OpenIdSettings, roles: Collection[str], *, secrets: bool) -> Data:
    """Without the rows for roles that are gone: they give nobody anything, and no box takes them.

    That there is no secret is none.
    """
    there = {role.casefold() for role in roles}
    rows = tuple(row for row in settings.roles if row.role.casefold() in there)
    shown = settings.model_copy(update={"roles": rows})
    found = _open(shown.model_dump(), secrets=secrets or not settings.client_secret)
    return {**found, "enabled": shown.offered}


def _account(one: KeptAccount, *, secrets: bool) -> Data:
    account = one.record.account
    found: Data = {
        "name": account.name,
        "role": account.role,
        "must_change": account.must_change_password,
        "locked": one.record.locked,
        "agent_ids": {name: sorted(ids) for name, ids in sorted(account.agent_ids.items())},
    }
    return found | ({"password_hash": one.hashed} if secrets else {})


def chosen_of(box: Services) -> ChosenSettings:
    """What is in force of the site's settings, whoever chose it; waits for the disk.

    Raises `ChosenFileError`.
    """
    chosen = box.chosen.read()
    return ChosenSettings(
        site=SitePart.of(chosen.site.over(box.file.monitoring)),
        headset=HeadsetPart(choice=chosen.headset.choice or box.file.headset.choice),
        panel=PanelPart.model_validate(
            box.file.panel.model_dump() | chosen.panel.model_dump(exclude_none=True)
        ),
    )
