"""The first start: its steps, each verified by the box or set aside, until it is in service."""

from __future__ import annotations

from typing import Self

from fastapi import APIRouter, Request
from pydantic import BaseModel

from appliance.console.access import DeviceManager
from appliance.console.state import console
from appliance.console.views import Moment
from appliance.provisioning.first_start.evidence import Answers
from appliance.provisioning.first_start.steps import Overview, Standing, State, Step

router = APIRouter(tags=["first start"])


class StepOut(BaseModel):
    """One step."""

    step: Step
    state: State
    words: str
    """What was verified; empty before, and of a step that was set aside."""
    who: str
    at: Moment | None

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """From the domain."""
        return cls.model_validate(standing, from_attributes=True)


class FirstStartOut(BaseModel):
    """All steps in their order; none on a box that needs no first start."""

    unfinished: bool
    in_service: Moment | None
    next: Step | None
    """The first that is open."""
    steps: list[StepOut]

    @classmethod
    def of(cls, overview: Overview) -> Self:
        """From the domain."""
        return cls(
            unfinished=overview.unfinished,
            in_service=overview.in_service,
            next=overview.next,
            steps=[StepOut.of(one) for one in overview.steps],
        )


@router.get("/first-start")
async def first_start(request: Request, caller: DeviceManager) -> FirstStartOut:
    """How far the first start is."""
    return FirstStartOut.of(await console(request).ports.first_start.look(caller.account.name))


@router.post("/first-start/steps/{step}")
async def verify(
    request: Request, caller: DeviceManager, step: Step, body: Answers
) -> FirstStartOut:
    """Have the box look at a step. 409 ``not_verified`` with what is missing; else it is done."""
    guide = console(request).ports.first_start
    return FirstStartOut.of(await guide.verify(step, body, caller.account.name))


@router.post("/first-start/steps/{step}/set-aside")
async def set_aside(request: Request, caller: DeviceManager, step: Step) -> FirstStartOut:
    """Leave a step for later; the password's cannot be (409 ``step_needed``)."""
    guide = console(request).ports.first_start
    return FirstStartOut.of(await guide.set_aside(step, caller.account.name))


@router.post("/first-start/finish")
async def finish(request: Request, caller: DeviceManager) -> FirstStartOut:
    """Put the box into service. 409 ``steps_open`` while a step is neither done nor set aside."""
    guide = console(request).ports.first_start
    return FirstStartOut.of(await guide.finish(caller.account.name))
