"""New software for the box: choosing it, installing it beside what runs, restarting into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from starlette.requests import ClientDisconnect

from appliance.console import update_wording
from appliance.console.access import DeviceManager
from appliance.console.page import page
from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.provisioning.updates.errors import UpdateError
from appliance.provisioning.updates.views import UpdatesView

router = APIRouter(tags=["updates"])
pages = APIRouter(include_in_schema=False)

BUNDLE: Final = "/updates/bundle"
"""Where a bundle is uploaded: the one body that may be long."""
A_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The bundle as it is, with a Content-Length.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": "(the file)",
            }
        },
    }
}


class ChoiceIn(BaseModel):
    """Where a bundle is that is not uploaded: one of the two."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    stick: Annotated[
        str | None, Field(min_length=1, max_length=1000, examples=["usb0/box.raucb"])
    ] = None
    """On a USB stick: one of ``sticks`` in `GET /updates`."""
    address: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """On a server, beginning with https."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.stick is None) == (self.address is None):
            raise ValueError("Give a file on a stick or an address, and not both.")
        return self


class InstallIn(BaseModel):
    """Whether an older version is wanted."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    older: StrictBool = False
    """Install it although it is not newer, or cannot be compared."""


class NextIn(BaseModel):
    """What the box starts from."""

    model_config = ConfigDict(extra="forbid")

    slot: Annotated[str, Field(min_length=1, max_length=64, examples=["rootfs.1"])]


@router.get("/updates")
async def updates(request: Request, caller: DeviceManager) -> UpdatesView:
    """What runs, what the box starts next, what is being installed, and the chosen bundle.

    Progress is told by the event ``update`` as well.
    """
    return await console(request).ports.system.updates.view()


@router.post(BUNDLE, openapi_extra=A_FILE)
async def upload(
    request: Request, caller: DeviceManager, name: Annotated[str, Query(max_length=255)] = ""
) -> UpdatesView:
    """Upload a bundle and choose it, if it is signed and for this box; else nothing is left of it.

    ``name`` is what people know the file by. 409 while another one comes or is installed, 507
    where there is no room.
    """
    state = console(request)
    length = int(request.headers.get("content-length", "0"))
    try:
        return await state.ports.system.updates.upload(
            caller.account.name, name, length, _pieces(request, state)
        )
    except ClientDisconnect as error:
        raise ConsoleError(400, "bundle_cut_short", UpdateError("bundle_cut_short").detail) from (
            error
        )


async def _pieces(request: Request, state: Console) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        state.visitors.comes_on(request.client)
        yield piece


@router.put(BUNDLE)
async def choose(request: Request, caller: DeviceManager, body: ChoiceIn) -> UpdatesView:
    """Choose a bundle on a USB stick or on a server, if it is signed and for this box.

    One on a server is read by the updater as it goes, and never kept.
    """
    updates, who = console(request).ports.system.updates, caller.account.name
    if body.stick is not None:
        return await updates.choose_stick(who, body.stick)
    return await updates.choose_address(who, body.address or "")


@router.delete(BUNDLE)
async def forget(request: Request, caller: DeviceManager) -> UpdatesView:
    """Do not install the chosen one; an uploaded file is removed."""
    return await console(request).ports.system.updates.forget(caller.account.name)


@router.post("/updates/install")
async def install(request: Request, caller: DeviceManager, body: InstallIn) -> UpdatesView:
    """Begin to write the chosen bundle into the slot that does not run, also during a call.

    409 ``older_version`` unless ``older`` says that it is wanted. It starts with the next restart.
    """
    return await console(request).ports.system.updates.install(
        caller.account.name, older=body.older
    )


@router.put("/updates/next")
async def start_next(request: Request, caller: DeviceManager, body: NextIn) -> UpdatesView:
    """Have the box start from another slot next time. 409 in a call."""
    return await console(request).ports.system.updates.start_next(caller.account.name, body.slot)


@router.post("/updates/restart")
async def restart(request: Request, caller: DeviceManager) -> UpdatesView:
    """Restart the box into the other slot. 409 in a call, and where it would start what runs."""
    return await console(request).ports.system.updates.restart(caller.account.name)


@pages.get("/settings/updates")
async def updates_page(request: Request, caller: DeviceManager, done: str = "") -> HTMLResponse:
    """What runs, an update to be chosen or on its way, and the slots."""
    view = await console(request).ports.system.updates.view()
    context = {
        "updates": view,
        "said": update_wording.said,
        "steps": update_wording.STEPS,
        "ages": update_wording.AGES,
        "sources": update_wording.SOURCES,
        "done": update_wording.DONE.get(done, ""),
    }
    return page(request, caller, "updates.html", context)
