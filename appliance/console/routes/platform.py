"""The call platform: whether the box reaches it, step by step, and which one it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel

from appliance.console.access import DeviceManager
from appliance.console.ports.provisioning import PlatformChoice
from appliance.console.settings import ConsoleError
from appliance.console.state import console
from appliance.platforms.settings import PlatformSettings
from appliance.platforms.withheld import (
    SecretNeededError,
    completed,
    secrets_of,
    without_secrets,
)

router = APIRouter(tags=["platform"])

EXAMPLE = {"driver": "janus", "janus": {"url": "wss://janus.example.org:8989"}}
Given = Annotated[PlatformSettings, Body(examples=[EXAMPLE])]

TYPE_AGAIN = "Give this again: an address or certificate that it is for has changed."


class StepOut(BaseModel):
    """One step: what was found, else what is wrong and who can mend it."""

    step: str
    passed: bool
    detail: str


class PlatformCheckOut(BaseModel):
    """The steps up to the first that failed, and whether none did."""

    platform: str
    passed: bool
    steps: list[StepOut]


class PlatformSettingsOut(BaseModel):
    """The platform's settings as `PUT` takes them, but for the secrets, which nobody reads."""

    settings: dict[str, Any]
    secrets_set: list[str]
    """Names of the secrets that are set, such as ``janus.room_pin``."""
    origin: Literal["page", "file"]
    """Chosen on the page, or in the box's settings file."""
    fault: str
    """Why what was chosen on the page is not used; else empty."""
    restarting: bool
    """Another one was chosen, and the box is about to use it."""

    @classmethod
    def of(cls, choice: PlatformChoice, settings: PlatformSettings | None = None) -> Self:
        """As it is, or as it will be with *settings*."""
        shown = settings or choice.now.settings
        return cls(
            settings=without_secrets(shown),
            secrets_set=list(secrets_of(shown)),
            origin=choice.now.origin,
            fault=choice.now.fault,
            restarting=choice.restarting,
        )


@router.post("/platform/check")
async def check(
    request: Request,
    caller: DeviceManager,
    body: Annotated[PlatformSettings | None, Body(examples=[EXAMPLE])] = None,
) -> PlatformCheckOut:
    """Test the connection with one of its own; a call that goes on is not touched.

    With the settings that are given, as `PUT` takes them, else with those in use.
    """
    choice = console(request).ports.choice
    wanted = choice.now.settings if body is None else _completed(choice, body)
    found = await choice.check(wanted)
    steps = [StepOut(step=one.step, passed=one.passed, detail=one.detail) for one in found]
    return PlatformCheckOut(
        platform=wanted.driver, passed=all(step.passed for step in steps), steps=steps
    )


@router.get("/platform/settings")
async def settings(request: Request, caller: DeviceManager) -> PlatformSettingsOut:
    """The platform's settings without their secrets, and which of these are set."""
    return PlatformSettingsOut.of(console(request).ports.choice)


@router.put("/platform/settings")
async def change(request: Request, caller: DeviceManager, body: Given) -> PlatformSettingsOut:
    """Save the settings and use them: the box restarts its connection. 409 in a call.

    A section or a secret that is left out stays as it is, an empty secret is removed, and any
    other field that is left out gets its default. Where an address changes, its secrets have to
    be given again.
    """
    choice = console(request).ports.choice
    wanted = _completed(choice, body)
    await choice.use(caller.account.name, wanted)
    return PlatformSettingsOut.of(choice, wanted)


@router.delete("/platform/settings")
async def reset(request: Request, caller: DeviceManager) -> PlatformSettingsOut:
    """Forget what was chosen here and use the settings file's platform. 409 in a call."""
    choice = console(request).ports.choice
    await choice.go_back(caller.account.name)
    return PlatformSettingsOut.of(choice)


def _completed(choice: PlatformChoice, body: PlatformSettings) -> PlatformSettings:
    try:
        return completed(body, choice.now.settings)
    except SecretNeededError as error:
        fields = dict.fromkeys(error.fields, TYPE_AGAIN)
        raise ConsoleError(422, error.code, error.detail, fields=fields) from error
