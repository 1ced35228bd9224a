"""What is particular to the mode without ARI: whom it spies on, and what hangs on which line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import LegNeeds, PlatformError
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.service.tasks import stop_tasks
from tests.platforms.asterisk.doomed import doomed_box
from tests.platforms.asterisk.server import ADDRESS, LEG_PASSWORD, WS_URL
from tests.platforms.asterisk.site import AsteriskSite
from tests.platforms.asterisk.spying_site import driver_of, spying_site
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS, SiteCall
from tests.support.leg_end import LegEnd

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER_HZ, SUPERVISOR_HZ = 1200.0, 2100.0
SETTLED_S = 1.3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsteriskSite]:
    async with spying_site(tmp_path_factory.mktemp("asterisk")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def desk(site: AsteriskSite) -> AsyncIterator[Desk]:
    async with desk_at(site) as desk:
        yield desk
    async with asyncio.timeout(10):
        while await site.ours():
            await asyncio.sleep(0.05)


async def loudest(call: SiteCall, seconds: float) -> float:
    """dBFS of the supervisor at the customer, in the loudest tenth of the next seconds."""
    levels = []
    for _ in range(round(seconds * 10)):
        await asyncio.sleep(0.1)
        levels.append(await call.customer.level(SUPERVISOR_HZ, 0.1))
    return max(levels)


async def test_a_coached_agent_s_transfer_never_lets_the_customer_hear(
    site: AsteriskSite, desk: Desk
) -> None:
    call = await site.call(agent_id="agent-ada")
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.AGENT)
    listening = asyncio.create_task(loudest(call, 2.5))
    await call.transfer("agent-grace")
    assert await listening < SILENT_DBFS
    assert await call.agent.level(SUPERVISOR_HZ) > HEARD_DBFS
    await call.customer.hang_up()


async def test_barging_goes_on_with_both_after_a_transfer(site: AsteriskSite, desk: Desk) -> None:
    call = await site.call(agent_id="agent-ada")
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    await call.transfer("agent-grace")
    await asyncio.sleep(SETTLED_S + 0.5)
    assert await call.agent.level(SUPERVISOR_HZ) > HEARD_DBFS
    assert await call.customer.level(SUPERVISOR_HZ) > HEARD_DBFS
    await call.customer.hang_up()


async def test_muting_in_the_middle_of_un_muting_wins(site: AsteriskSite, desk: Desk) -> None:
    call = await site.call()
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    opening = asyncio.create_task(desk.driver.set_audience(handle, Audience.EVERYONE))
    await asyncio.sleep(0.01)
    await desk.driver.set_audience(handle, None)
    with pytest.raises(PlatformError):
        await opening
    await asyncio.sleep(SETTLED_S)
    assert await call.agent.level(SUPERVISOR_HZ) < SILENT_DBFS
    assert await call.customer.level(SUPERVISOR_HZ) < SILENT_DBFS
    await call.customer.hang_up()


async def test_another_life_commands_the_leg_of_the_former(site: AsteriskSite) -> None:
    """Its media goes on, and its signalling is gone: AMI alone is enough."""
    call, settings = await site.call(), site.settings()
    first, second = Desk(driver_of(settings)), Desk(driver_of(settings))
    await first.driver.start(first.events.append)
    handle, leg = await first.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await first.driver.set_audience(handle, Audience.EVERYONE)
    await first.driver.stop()
    await second.driver.start(second.events.append, frozenset({handle}))
    await second.until(second.connected)
    await asyncio.sleep(0.5)
    assert await second.driver.resume(handle, leg)
    for audience in (None, Audience.EVERYONE):
        await second.driver.set_audience(handle, audience)
        await asyncio.sleep(SETTLED_S)
        heard = await call.customer.level(SUPERVISOR_HZ)
        assert heard < SILENT_DBFS if audience is None else heard > HEARD_DBFS
    await call.agent.hang_up()
    await second.until(lambda: second.end_of(handle) is not None)
    assert second.end_of(handle) is EndReason.AGENT_ENDED
    await second.close()
    await leg.close()


@pytest.mark.parametrize("barges", [False, True], ids=["listening", "live"])
async def test_a_leg_that_nobody_knows_is_removed_and_no_other_box_s(
    site: AsteriskSite, barges: bool
) -> None:
    call, settings = await site.call(), site.settings()
    async with desk_at(site) as other:
        _, leg = await other.join(call.id)
        others = await site.ours()
        async with doomed_box(settings, call.id, barges=barges) as process:
            process.kill()
            await process.wait()
        assert len(await site.ours()) == 2
        back = Desk(driver_of(settings))
        await back.driver.start(back.events.append)
        async with asyncio.timeout(3):
            while await site.ours() != others:
                await asyncio.sleep(0.05)
        await call.customer.tone(CUSTOMER_HZ)
        await other.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        assert await call.active()
        await back.close()
    await call.customer.hang_up()


async def test_only_the_very_channel_is_spied_on(site: AsteriskSite) -> None:
    """A unique id may begin as another's does, and must not be taken for it."""
    call = await site.call()
    while len((agent := await _agent_of(site, call)).partition(".")[2]) < 2:
        await call.customer.hang_up()
        call = await site.call()
    assert await _runs(site, f"hear-{agent}") == "ChanSpy"
    assert await _runs(site, f"hear-{agent[:-1]}") == "Wait"
    await call.customer.hang_up()


async def _agent_of(site: AsteriskSite, call: SiteCall) -> str:
    bridges = (await site.admin.get("/bridges")).json()
    (members,) = [one["channels"] for one in bridges if call.id in one["channels"]]
    (agent,) = set(members) - {call.id}
    return str(agent)


async def _runs(site: AsteriskSite, extension: str) -> str:
    """The application in which a box's call of *extension* ends up."""
    name = "supervisor-5"
    box = UserAgent(Account(WS_URL, name, name, SecretStr(LEG_PASSWORD)), lambda _call: None)
    running = asyncio.create_task(box.run(None))
    leg = LegEnd(LegNeeds())
    try:
        await box.registered.wait()
        dialog, answer = await box.invite(f"sip:{extension}@{ADDRESS}", await leg.offer())
        await leg.accept(answer)
        await asyncio.sleep(0.3)
        (ours,) = [one for one in await site.channels() if one["name"].startswith(f"PJSIP/{name}")]
        await dialog.bye()
        return str(ours["dialplan"]["app_name"])
    finally:
        await leg.close()
        await stop_tasks(running)


async def test_an_ami_user_who_may_not_move_legs_is_told_so(site: AsteriskSite) -> None:
    checks = await site.driver(user="reading-box").check()
    assert checks[-1].step == "permissions"
    assert not checks[-1].passed
    assert "write=call,reporting" in checks[-1].detail
    assert {check.step for check in checks if check.passed} == {"address", "sign_in", "list"}


async def test_a_dialplan_that_does_not_spy_is_told_of(site: AsteriskSite, desk: Desk) -> None:
    checks = await site.driver(spy_context="calls").check()
    assert checks[-1].step == "permissions"
    assert "hear-" in checks[-1].detail
    call = await site.call()
    async with desk_at(site, spy_context="elsewhere", request_timeout=1.0) as lost:
        await lost.lists(call.id)
        assert "spy_context" in (await lost.refused(call.id)).detail
    await call.customer.hang_up()
