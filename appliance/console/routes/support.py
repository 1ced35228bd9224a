"""The support bundle: what somebody who helps needs to see; no secret, no call, no customer."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from appliance.console.access import DeviceManager
from appliance.console.routes.health import figures
from appliance.console.state import console
from appliance.console.views import now

router = APIRouter(tags=["support"])


class Archive(StreamingResponse):
    """A tar.gz as it is made."""

    media_type = "application/gzip"


@router.post("/support-bundle", response_class=Archive)
async def support_bundle(request: Request, caller: DeviceManager) -> Archive:
    """Make a support bundle; on record. 409 while another one is made."""
    text = await figures(console(request))
    parts = await console(request).ports.support.make(caller.account.name, text)
    name = f"bargebox-support-{now():%Y%m%dT%H%M%SZ}.tar.gz"
    return Archive(parts, headers={"Content-Disposition": f'attachment; filename="{name}"'})
