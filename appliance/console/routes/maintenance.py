"""Restarting the box, and making it as it was when it was delivered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from appliance.console.access import Caller, DeviceManager, Owner
from appliance.console.language import later
from appliance.console.local_access import LOCAL_NAME
from appliance.console.page import page
from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.console.views import Moment
from appliance.monitoring.accounts import SignInError
from appliance.monitoring.policy import Permission
from appliance.provisioning.box.restart import RestartView, What

router = APIRouter(tags=["maintenance"])
pages = APIRouter(include_in_schema=False)


class RestartOut(RestartView):
    """What can be restarted, and what is about to be."""

    since: Moment


class RestartOrder(BaseModel):
    """The whole box, or only Bargebox's own services."""

    model_config = ConfigDict(extra="forbid")
    what: What


class ResetOrder(BaseModel):
    """The box's name, so that nobody means another one, and the caller's password once more."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=255, examples=["bargebox"])]
    password: Annotated[SecretStr, Field(max_length=256, examples=["the password in use"])] = (
        SecretStr("")
    )


class ResetOut(BaseModel):
    """What has to be typed, and where the audit log ends: keep that."""

    name: str
    head: dict[str, Any] | None


@router.get("/device/restart")
async def restart_state(request: Request, caller: DeviceManager) -> RestartOut:
    """What can be restarted. Another ``since`` than before tells that the box is back."""
    view = await console(request).ports.system.restart.view()
    return RestartOut(**view.model_dump())


@router.post("/device/restart", status_code=202)
async def restart(request: Request, caller: DeviceManager, body: RestartOrder) -> RestartOut:
    """Restart the box or its services. 409 while a call is monitored, with by whom; the box also
    while an update is written, which would be cut.
    """
    system = console(request).ports.system
    if body.what == "box":
        system.updates.refuse_while_writing()
    view = await system.restart.order(caller.account.name, body.what)
    return RestartOut(**view.model_dump())


@router.get("/device/factory-reset")
async def reset_state(request: Request, caller: Owner) -> ResetOut:
    """What has to be typed for a factory reset, and the signed head of the audit log as it is."""
    reset = console(request).ports.reset
    head = await reset.head()
    return ResetOut(name=reset.name, head=None if head is None else head.told())


@router.post("/device/factory-reset", status_code=202)
async def factory_reset(request: Request, caller: Owner, body: ResetOrder) -> ResetOut:
    """Remove everything that was made on the box; it begins as at its first start.

    409 while a call is monitored. The answer has the last signed head of the audit log that goes.
    """
    state = console(request)
    await _prove(request, state, caller, body)
    head = await state.ports.reset.order(caller.account.name, body.name)
    return ResetOut(name=body.name, head=None if head is None else head.told())


async def _prove(request: Request, state: Console, caller: Caller, body: ResetOrder) -> None:
    """The caller knows the account's password; root at the box itself has none."""
    if caller.by_token and caller.account.name == LOCAL_NAME:
        return
    password = body.password.get_secret_value()
    if not password:
        raise _wrong_password(later("Type your password."))
    key = ("factory reset", caller.account.name)
    state.throttle.check(key)
    state.throttle.failed(key)
    try:
        await state.ports.accounts.sign_in(caller.account.name, password)
    except SignInError as error:
        if error.code != SignInError.code:
            state.throttle.took_back(key)  # the password was not looked at
            raise
        address = request.client.host if request.client else ""
        state.refused.add(caller.account.name, address, "wrong_password_for_reset")
        raise _wrong_password(later("This is not your password.")) from error
    state.throttle.took_back(key)


def _wrong_password(words: str) -> ConsoleError:
    # 401 would say that the caller is not signed in.
    return ConsoleError(403, SignInError.code, words, fields={"password": words})


@pages.get("/settings/maintenance")
async def maintenance(request: Request, caller: DeviceManager) -> HTMLResponse:
    """Restart, and factory reset for those who may."""
    ports = console(request).ports
    context = {
        "restart": await ports.system.restart.view(),
        "may_reset": caller.may(Permission.MANAGE_ACCOUNTS),
        "may_export": caller.may(Permission.VIEW_AUDIT),
        "box_name": ports.reset.name,
        "command": f"sudo cat {ports.reset.first_password}",
    }
    return page(request, caller, "maintenance.html", context)
