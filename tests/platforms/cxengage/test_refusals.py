"""What CxEngage refuses, and in which words the box says so."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import (
    Capability,
    PlatformConnection,
    PlatformError,
)
from tests.platforms.cxengage.helpers import (
    EVERY,
    INTERRUPTS,
    SUE,
    desk,
    fault,
    new_call,
    refused,
)
from tests.platforms.cxengage.process import StandinProcess
from tests.platforms.cxengage.site import CxEngageSite
from tests.platforms.desk import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"cancel_before_answer": True}, EndReason.FAILED),
        ({"no_invite": True}, EndReason.FAILED),
        (fault(INTERRUPTS, 403), EndReason.NOT_PERMITTED),
        (fault(INTERRUPTS, 404), "not_found"),
        (fault(INTERRUPTS, 500, 20), EndReason.PLATFORM_LOST),
        (fault(INTERRUPTS, 418, body="\x00<html>"), EndReason.FAILED),
        (fault(INTERRUPTS, 400, body={"message": "7025 no extension"}), EndReason.FAILED),
    ],
    ids=["cancel", "no-invite", "403", "404", "500", "418", "7025"],
)
async def test_a_refused_join_leaves_nothing(
    standin: StandinProcess, faults: dict[str, Any], code: str
) -> None:
    call = await new_call(standin)
    async with desk(standin, invite_timeout=1.0, leave_wait=0.5, request_timeout=2.0) as found:
        await found.lists(call.id)
        await standin.do("faults", faults=faults)
        assert (await refused(found, call)).code == code
        await standin.do("faults", faults={})
        handle, _ = await found.join(call.id)
        await found.leave(handle)
    await call.customer.hang_up()


async def test_a_fault_of_the_platform_is_tried_again(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        await standin.do("faults", faults=fault(INTERRUPTS, 502, 2))
        handle, _ = await found.join(call.id)
        await found.leave(handle)
    await call.customer.hang_up()


async def test_a_flow_without_monitoring_may_say_nothing_at_all(standin: StandinProcess) -> None:
    call = await new_call(standin, flow="absent")
    await standin.do("faults", faults={"refusal": "silence"})
    async with desk(standin, invite_timeout=0.5, leave_wait=0.3) as found:
        error = await refused(found, call)
        assert "Silent Monitoring object" in error.detail
    await call.customer.hang_up()


async def test_the_account_s_permissions_narrow_the_driver(standin: StandinProcess) -> None:
    call = await new_call(standin)
    await standin.do("user", user=SUE, permissions=list(EVERY[:2]))
    async with desk(standin) as found:
        assert Capability.BARGE not in found.driver.capabilities
        handle, _ = await found.join(call.id)
        with pytest.raises(PlatformError, match="BARGE_ALL_CALLS"):
            await found.driver.set_audience(handle, Audience.EVERYONE)
        await found.leave(handle)
    await standin.do("user", user=SUE, permissions=list(EVERY[:1]))
    async with desk(standin) as found:
        assert Capability.LISTEN not in found.driver.capabilities
        interaction = await found.lists(call.id)
        assert interaction.not_monitorable_reason is EndReason.NOT_PERMITTED
        assert (await refused(found, call)).code == EndReason.NOT_PERMITTED
    await standin.do("user", user=SUE, permissions=[])
    found = Desk(CxEngageSite(standin).driver())
    await found.driver.start(found.events.append)
    await found.until(lambda: bool(found.of(PlatformConnection)))
    assert "VIEW_ALL_MONITORED_CALLS" in found.of(PlatformConnection)[0].detail
    await found.close()
    assert (await found.driver.check())[-1].step == "permissions"
    await call.customer.hang_up()
