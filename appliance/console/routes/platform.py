"""The call platform: whether the box reaches it, step by step."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from appliance.console.access import DeviceManager
from appliance.console.state import console

router = APIRouter(tags=["platform"])


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


@router.post("/platform/check")
async def check(request: Request, caller: DeviceManager) -> PlatformCheckOut:
    """Test the connection with one of its own; a call that goes on is not touched."""
    platform = console(request).ports.platform
    found = await platform.check()
    steps = [StepOut(step=one.step, passed=one.passed, detail=one.detail) for one in found]
    return PlatformCheckOut(
        platform=platform.name, passed=all(step.passed for step in steps), steps=steps
    )
