"""Who hears whom, measured with tones, between phones of every codec that sites have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience
from tests.platforms.asterisk.codecs import OF_A_SITE
from tests.platforms.asterisk.site import AsteriskSite, asterisk_site
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ = 500.0, 1200.0, 2100.0
SETTLED_S = 1.3
NAMES = list(OF_A_SITE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsteriskSite]:
    async with asterisk_site(tmp_path_factory.mktemp("asterisk")) as site:
        yield site


@dataclass(frozen=True)
class Levels:
    """dBFS of the supervisor's tone at both parties in each mode, and of theirs at the leg."""

    pair: str
    listening: tuple[float, float]
    coaching: tuple[float, float]
    barging: tuple[float, float]
    at_the_leg: tuple[float, float]


@pytest.mark.parametrize("barge_by", ["whisper", "bridge"])
@pytest.mark.parametrize("shift", range(len(NAMES)))
async def test_each_mode_reaches_whom_it_shall(
    asterisk: AsteriskSite, shift: int, barge_by: str
) -> None:
    """Four calls at once, in which each codec meets another one each time."""
    customers = NAMES[shift:] + NAMES[:shift]
    async with desk_at(asterisk, barge_by=barge_by) as desk:
        pairs = zip(NAMES, customers, strict=True)
        measured = await asyncio.gather(*(_measure(asterisk, desk, *pair) for pair in pairs))
    for levels in measured:
        assert max(levels.listening) < SILENT_DBFS, levels
        assert levels.coaching[0] > HEARD_DBFS, levels
        assert levels.coaching[1] < SILENT_DBFS, levels
        assert min(levels.barging) > HEARD_DBFS, levels
        assert min(levels.at_the_leg) > HEARD_DBFS, levels


async def _measure(asterisk: AsteriskSite, desk: Desk, agent: str, customer: str) -> Levels:
    call = await asterisk.call(agent_id=f"agent-{agent}", customer_id=f"customer-{customer}")
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ

    async def heard() -> tuple[float, float]:
        await asyncio.sleep(SETTLED_S)
        return await call.agent.level(SUPERVISOR_HZ), await call.customer.level(SUPERVISOR_HZ)

    listening = await heard()
    await desk.driver.set_audience(handle, Audience.AGENT)
    coaching = await heard()
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    barging = await heard()
    leg.track.hz = None
    await call.agent.tone(AGENT_HZ)
    await call.customer.tone(CUSTOMER_HZ)
    await asyncio.sleep(SETTLED_S)
    at_the_leg = leg.level(AGENT_HZ), leg.level(CUSTOMER_HZ)
    for party in (call.agent, call.customer):
        await party.tone(None)
    await call.customer.hang_up()
    return Levels(f"{agent} and {customer}", listening, coaching, barging, at_the_leg)
