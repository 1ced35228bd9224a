"""Changes the settings of the sign-in by OpenID Connect, whoever asks for it."""

from __future__ import annotations

import asyncio

from pydantic import JsonValue

from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.openid_accounts import end_sign_ins
from appliance.platforms.withheld import without_secrets
from appliance.provisioning.openid.file import OpenIdFile
from appliance.provisioning.openid.settings import OpenIdSettings


class OpenIdKeeper:
    """Of those in *file*, with every change on record in *audit*."""

    def __init__(self, file: OpenIdFile, audit: Audit) -> None:
        self._file, self._audit = file, audit

    async def read(self) -> OpenIdSettings:
        """What is kept. Raises `OpenIdFileError`."""
        return await asyncio.to_thread(self._file.read)

    async def change(
        self, who: str, before: OpenIdSettings, wanted: OpenIdSettings, *, ends: bool = False
    ) -> bool:
        """Keep *wanted* instead of *before*, on record first; whether sign-ins ended by it.

        Where it takes something back, the sign-ins by those of before end: groups are asked for
        at a sign-in alone. With *ends* they end in any case, as where nobody knows what was
        before. Raises `OpenIdFileError`, ``audit_unwritable``.
        """
        changed: list[JsonValue] = [
            name
            for name in OpenIdSettings.model_fields
            if getattr(wanted, name) != getattr(before, name)
        ]
        ends = ends or wanted.takes_back(before)
        detail: dict[str, JsonValue] = {
            "changed": changed,
            "settings": without_secrets(wanted),
            "sign_ins_ended": ends,
        }
        await self._audit.append(
            Entry(who, "openid_changed", detail=detail), also=end_sign_ins if ends else None
        )
        await asyncio.to_thread(self._file.write, wanted)
        return ends
