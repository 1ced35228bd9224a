"""The box as a document: always the same text for the same state.

What is not the site's own is not in it: certificates that the box made itself, what is at its
default, and the network of a machine that the box does not manage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, Final

import tomlkit
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from appliance.monitoring.people import KeptAccount
from appliance.monitoring.policy import ROLES
from appliance.provisioning.certificates.folder import UPLOADED
from appliance.provisioning.chosen import ChosenSettings, HeadsetPart, PanelPart, SitePart
from appliance.provisioning.site_file.document import LogsPart, SiteFile
from appliance.provisioning.site_file.parts_network import settings_of
from appliance.provisioning.site_file.services import Services

Data = dict[str, Any]

CERTIFICATE: Final = "certificate"
ALL: Final = frozenset(SiteFile.model_fields)


async def document_of(
    box: Services, *, secrets: bool = False, parts: AbstractSet[str] = ALL
) -> Data:
    """The state of *box*, as a document takes it; without *secrets* none is in it.

    Then the certificate is there without its key, so that two boxes can be compared by it. Only
    those *parts* are asked for: what is damaged of another one does not matter then.
    Raises `StoreError`, `BargeboxError`.
    """
    roles, accounts = await box.people.all()
    found: Data = {
        "authorities": [
            {"pem": one.public_bytes(Encoding.PEM).decode()} for one in box.authorities.certificates
        ],
        "roles": [
            {"name": name, "permissions": sorted(granted)} for name, granted in roles.items()
        ],
        # Those of the identity provider are made as they sign in, and have no password here.
        "accounts": [
            _account(one, secrets=secrets) for one in accounts if one.record.account.kind == "local"
        ],
    }
    asked: dict[str, Callable[[], Awaitable[Data]]] = {
        "box": lambda: _box(box),
        "time": lambda: _time(box),
        "network": lambda: _network(box),
        CERTIFICATE: lambda: asyncio.to_thread(_certificate, box, secrets),
        "platform": lambda: asyncio.to_thread(_platform, box, secrets),
        **{name: partial(_chosen, box, name) for name in ChosenSettings.model_fields},
        "logs": lambda: asyncio.to_thread(_logs, box),
        "openid": lambda: _openid(box, [*ROLES, *roles], secrets=secrets),
    }
    found |= {name: await ask() for name, ask in asked.items() if name in parts}
    return {
        name: found[name] for name in SiteFile.model_fields if name in parts and found.get(name)
    }


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


def _platform(box: Services, secrets: bool) -> Data:
    """The driver with its section, and what differs from the defaults in the others."""
    settings = box.platform_now()
    found: Data = _open(settings.model_dump(exclude_defaults=True), secrets=secrets)
    return {"driver": settings.driver, settings.driver: {}, **found}


async def _chosen(box: Services, part: str) -> Data:
    chosen = await asyncio.to_thread(chosen_of, box)
    found: Data = chosen.model_dump(mode="json", exclude_none=True)[part]
    return found


def _logs(box: Services) -> Data:
    return LogsPart.of(box.logs.read()).model_dump()


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


async def _openid(box: Services, roles: Collection[str], *, secrets: bool) -> Data:
    """Without the rows for roles that are gone: they give nobody anything, and no box takes them.

    That there is no secret is none.
    """
    settings = await box.openid.read()
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
