"""The site's settings, and the whole box's as one document: exported and imported."""

from __future__ import annotations

from typing import Annotated, NoReturn

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from appliance.console.access import AccountManager, Caller, DeviceManager, note_refusal
from appliance.console.settings import ConsoleError
from appliance.console.state import console
from appliance.control_link.words import EndReason
from appliance.monitoring.policy import Permission
from appliance.provisioning.chosen import ChosenSettings
from appliance.provisioning.site_file.changes import Change

router = APIRouter(tags=["settings"])

FILE = "bargebox.toml"
LONGEST = 300_000
"""Characters of a document; what the gatekeeper lets through has room for each in JSON."""
Passphrase = Annotated[str, Field(max_length=200)]


class Toml(PlainTextResponse):
    """A TOML document (toml.io, 1.0: MIME type)."""

    media_type = "application/toml"


class HeadsetOut(BaseModel):
    """A headset that is plugged in, and how it is chosen."""

    name: str
    choice: str


class SettingsOut(BaseModel):
    """The site's settings in force, and what there is to choose from."""

    settings: ChosenSettings
    headsets: list[HeadsetOut]
    boards: list[str]
    report: str
    """What became of the last document that was applied or refused; empty when there was none."""
    restarting: bool
    """Others were given, and the box is about to use them."""


class ExportIn(BaseModel):
    """With a passphrase the secrets are in the document, sealed; else they are left out."""

    model_config = ConfigDict(extra="forbid")

    passphrase: Passphrase = ""


class ImportIn(BaseModel):
    """A document as the export gives it, or a person wrote it."""

    model_config = ConfigDict(extra="forbid")

    document: Annotated[str, Field(max_length=LONGEST)]
    passphrase: Passphrase = ""
    """Of a document whose secrets are sealed."""
    check: StrictBool = False
    """Only say what it would change."""


class ChangeOut(BaseModel):
    """One value; both are null of a secret, which is set anew."""

    field: str
    before: str | None
    after: str | None

    @classmethod
    def of(cls, change: Change) -> ChangeOut:
        """From the domain."""
        return cls(field=change.field, before=change.before, after=change.after)


class ImportOut(BaseModel):
    """What the document changes; with ``check`` nothing was changed yet."""

    changes: list[ChangeOut]
    restarting: bool


@router.get("/settings")
async def settings(request: Request, caller: DeviceManager) -> SettingsOut:
    """What the site asks for, which headset and board, and what became of the last document."""
    return await _settings(request)


@router.put("/settings")
async def choose(request: Request, caller: DeviceManager, body: ChosenSettings) -> SettingsOut:
    """Use other settings: the box restarts for a second or two, the headset process with it where
    it is concerned. What is left out stays. 409 in a call. How long the audit log is kept is
    changed by who may view it.
    """
    await _may_cut_the_log(request, caller, body)
    await console(request).ports.site.choose(caller.account.name, body)
    return await _settings(request)


@router.post("/settings/export", response_class=Toml)
async def export(request: Request, caller: AccountManager, body: ExportIn) -> Toml:
    """The whole box as a TOML document; that it was exported is on record. Needs *device* too."""
    device_too(request, caller)
    text = await console(request).ports.site.export(caller.account.name, body.passphrase)
    disposition = f'attachment; filename="{FILE}"'
    return Toml(text, headers={"Content-Disposition": disposition})


@router.post("/settings/import")
async def import_(request: Request, caller: AccountManager, body: ImportIn) -> ImportOut:
    """Check a document whole; then, without ``check``, apply it: the box restarts for a second or
    two. 422 names each wrong field, 409 in a call. Needs *device* too.
    """
    device_too(request, caller)
    site = console(request).ports.site
    given, found = await site.check(body.document, body.passphrase)
    if not body.check:
        await site.use(caller.account.name, given)
    return ImportOut(changes=[ChangeOut.of(one) for one in found], restarting=site.restarting)


@router.post("/settings/apply", status_code=204)
async def apply(request: Request, caller: AccountManager) -> None:
    """Begin anew with a document that was planned at the box. 409 in a call. Needs *device* too."""
    device_too(request, caller)
    await console(request).ports.site.begin_anew()


async def _settings(request: Request) -> SettingsOut:
    ports = console(request).ports
    return SettingsOut(
        settings=await ports.site.chosen(),
        headsets=[
            HeadsetOut(name=one.name, choice=one.choice)
            for one in await ports.monitoring.headsets()
        ],
        boards=await ports.site.boards(),
        report=await ports.site.report(),
        restarting=ports.site.restarting,
    )


async def _may_cut_the_log(request: Request, caller: Caller, wanted: ChosenSettings) -> None:
    """Raise 403 where rows of the audit log would go, or stay, by who may not even see them."""
    days = wanted.site.audit_keep_days
    if days is None or caller.may(Permission.VIEW_AUDIT):
        return
    now = await console(request).ports.site.chosen()
    if days != now.site.audit_keep_days:
        _lacks(request, caller, Permission.VIEW_AUDIT)


def device_too(request: Request, caller: Caller) -> None:
    """Raise 403 for who manages accounts only."""
    if not caller.may(Permission.MANAGE_DEVICE):
        _lacks(request, caller, Permission.MANAGE_DEVICE)


def _lacks(request: Request, caller: Caller, permission: Permission) -> NoReturn:
    note_refusal(request, caller, permission)
    words = f"You need the permission {permission} as well."
    raise ConsoleError(403, EndReason.NOT_PERMITTED, words)
