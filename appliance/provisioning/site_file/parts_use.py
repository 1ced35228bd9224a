"""The parts of the document about the box's use: platform, the site's settings, people."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr, ValidationError

from appliance.monitoring.accounts import FIRST_ACCOUNT
from appliance.monitoring.audit import Entry
from appliance.monitoring.people import PeopleError, WantedAccount
from appliance.panel.board import load_board
from appliance.panel.errors import BoardError
from appliance.platforms.withheld import SecretNeededError, completed, without_secrets
from appliance.provisioning.chosen import ChosenSettings, HeadsetPart, PanelPart, SitePart
from appliance.provisioning.site_file.document import AccountPart, SiteFile
from appliance.provisioning.site_file.plan import Outcome
from appliance.provisioning.site_file.services import Faults, Services
from appliance.provisioning.words import said
from appliance.service.faults import by_field

ONE_TIME_ONLY = said("Give this: the administrator has a one-time password only.")
TYPE_AGAIN = said("Give this: the box has none that was for this address.")


class CallPlatform:
    """Which call platform, and how it is reached."""

    def concerns(self, document: SiteFile) -> bool:
        """It is given."""
        return document.platform is not None

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether its secrets are there."""
        assert document.platform is not None
        try:
            completed(document.platform, await asyncio.to_thread(box.platform_now))
        except SecretNeededError as error:
            return {f"platform.{name}": TYPE_AGAIN for name in error.fields}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Save it, as the page does."""
        assert document.platform is not None
        now = await asyncio.to_thread(box.platform.read)
        wanted = completed(document.platform, now or box.file.platform)
        if now != wanted:
            section = getattr(wanted, wanted.driver)
            detail = {"driver": wanted.driver, "settings": without_secrets(section)}
            await box.audit.append(Entry(who, "platform_changed", detail=detail))
            await asyncio.to_thread(box.platform.write, wanted)
        good = await asyncio.to_thread(box.platform.read) == wanted
        return Outcome(part="platform", good=good, words=f"The call platform is {wanted.driver}.")


class SiteSettings:
    """What the site asks for, the headset, the panel."""

    def concerns(self, document: SiteFile) -> bool:
        """One of them is given."""
        return any((document.site, document.headset, document.panel))

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether they go with what the settings file says, and there is such a board."""
        try:
            wanted = await asyncio.to_thread(_merged, box, document)
            wanted.site.over(box.file.monitoring)
        except ValidationError as error:
            faults = by_field(error.errors(include_url=False, include_input=False))
            return {"site": " ".join(faults.values())}
        board = wanted.panel.board
        if board is not None:
            try:
                await asyncio.to_thread(load_board, board, box.file.boards_dir)
            except BoardError as error:
                return {"panel.board": error.detail}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Keep them; leg and control take them up."""
        wanted = await asyncio.to_thread(_merged, box, document)
        if wanted != await asyncio.to_thread(box.chosen.read):
            detail = {"settings": wanted.model_dump(mode="json", exclude_none=True)}
            await box.audit.append(Entry(who, "settings_changed", detail=detail))
            await asyncio.to_thread(box.chosen.write, wanted)
        good = await asyncio.to_thread(box.chosen.read) == wanted
        given = [name for name in ("site", "headset", "panel") if getattr(document, name)]
        words = f"Used from now on: {', '.join(given)}."
        return Outcome(part="settings", good=good, words=words)


def _merged(box: Services, document: SiteFile) -> ChosenSettings:
    given = ChosenSettings(
        site=document.site or SitePart(),
        headset=document.headset or HeadsetPart(),
        panel=document.panel or PanelPart(),
    )
    return box.chosen.read().merged(given)


class SitePeople:
    """Roles and accounts, the first one's password among them; all of them or none."""

    def concerns(self, document: SiteFile) -> bool:
        """Some are given."""
        return bool(document.roles or document.accounts or document.administrator)

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether they could be made, by a rehearsal."""
        roles = {role.name: frozenset(role.permissions) for role in document.roles}
        wanted = [_account(one, "$rehearsal") for one in document.accounts]
        try:
            await box.people.rehearse(roles, wanted)
        except PeopleError as error:
            return dict(error.fields)
        if document.administrator is not None and _first(document) is None:
            _, kept = await box.people.all()
            accounts = [one.record.account for one in kept]
            # As after a factory reset, where the file's secrets are erased already.
            if any(a.name == FIRST_ACCOUNT and a.must_change_password for a in accounts):
                return {"administrator.password": ONE_TIME_ONLY}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Make and change them."""
        roles = {role.name: frozenset(role.permissions) for role in document.roles}
        wanted = [_account(one, await _hashed(box, one)) for one in document.accounts]
        password = _first(document)
        if password is not None:
            hashed = await box.hashed(password.get_secret_value())
            first = WantedAccount(
                FIRST_ACCOUNT, hashed=hashed, must_change=False, locked=False, role="Administrator"
            )
            wanted.append(first)
        await box.people.put(who, roles, wanted)
        if any(one.name.casefold() == FIRST_ACCOUNT and one.hashed for one in wanted):
            await box.used_up()
        made_roles, kept = await box.people.all()
        names = {one.record.account.name.casefold() for one in kept}
        good = all(one.name.casefold() in names for one in wanted) and roles.items() <= (
            made_roles.items()
        )
        told = ", ".join([*roles, *(one.name for one in wanted)])
        return Outcome(part="accounts", good=good, words=f"As the document has them: {told}.")


def _first(document: SiteFile) -> SecretStr | None:
    return None if document.administrator is None else document.administrator.password


async def _hashed(box: Services, one: AccountPart) -> str | None:
    if one.password is not None:
        return await box.hashed(one.password.get_secret_value())
    return None if one.password_hash is None else one.password_hash.get_secret_value()


def _account(one: AccountPart, hashed: str | None) -> WantedAccount:
    given = one.password is not None or one.password_hash is not None
    must_change = one.must_change
    if must_change is None and one.password is not None:
        must_change = True
    return WantedAccount(
        one.name, one.role, hashed if given else None, must_change, one.locked, one.agent_ids
    )
