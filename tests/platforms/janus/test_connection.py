"""The way to Janus is lost, slow or long away: sessions are reclaimed, or end named."""

from __future__ import annotations

import asyncio

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.janus import names
from appliance.platforms.janus.connection import KEEP_S
from appliance.platforms.protocol import PlatformConnection, PlatformError
from tests.platforms.desk import desk_at
from tests.platforms.faults.relay import relayed
from tests.platforms.janus.clients import administer
from tests.platforms.janus.server import HOST, PORT, RECLAIM_S
from tests.platforms.janus.site import JanusSite
from tests.platforms.measured import (
    CUSTOMER_HZ,
    SUPERVISOR_HZ,
    nothing_is_left,
    supervisor_heard_by,
)
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS

JANUS = (HOST, PORT)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_lost_connection_is_made_again_and_the_leg_stays(janus: JanusSite) -> None:
    call = await janus.call()
    async with (
        relayed(JANUS) as relay,
        desk_at(janus, url=relay.url) as desk,
    ):
        handle, leg = await desk.join(call.id)
        leg.track.hz = SUPERVISOR_HZ
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        told = len(desk.of(PlatformConnection))
        relay.cut()
        await desk.until(lambda: len(desk.of(PlatformConnection)) >= told + 2)
        assert desk.connected()
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
        await desk.driver.set_audience(handle, None)
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        assert desk.end_of(handle) is None
        await call.customer.hang_up()
        await desk.until(lambda: desk.end_of(handle) is not None)
    await nothing_is_left(janus)


async def test_an_outage_almost_as_long_as_janus_waits_is_survived(janus: JanusSite) -> None:
    call = await janus.call()
    async with relayed(JANUS) as relay, desk_at(janus, url=relay.url) as desk:
        handle, leg = await desk.join(call.id)
        await asyncio.sleep(RECLAIM_S + 1.0)  # Janus counts from the last sign of life
        relay.cut(down=True)
        await desk.until(lambda: not desk.connected())
        await asyncio.sleep(RECLAIM_S - KEEP_S - 0.5)
        relay.mend()
        await desk.until(desk.connected)
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        leg.track.hz = SUPERVISOR_HZ
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
        assert desk.end_of(handle) is None
        await call.customer.hang_up()


async def test_answers_that_are_too_slow_are_told_of_and_end_nothing(janus: JanusSite) -> None:
    call = await janus.call()
    async with relayed(JANUS) as relay, desk_at(janus, url=relay.url, request_timeout=1.0) as desk:
        handle, leg = await desk.join(call.id)
        leg.track.hz = SUPERVISOR_HZ
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        relay.delay_s = 2.0
        await desk.until(lambda: not desk.connected())
        with pytest.raises(PlatformError, match=r"\.$"):
            await desk.driver.set_audience(handle, None)
        relay.delay_s = 0.0
        await desk.until(desk.connected)
        await desk.driver.set_audience(handle, None)
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
        assert desk.end_of(handle) is None
        await call.customer.hang_up()


async def test_a_longer_outage_ends_the_leg_with_its_reason(janus: JanusSite) -> None:
    call = await janus.call()
    async with relayed(JANUS) as relay, desk_at(janus, url=relay.url) as desk:
        handle, _ = await desk.join(call.id)
        relay.cut(down=True)
        await asyncio.sleep(RECLAIM_S + 3.0)  # it looks every 2 s
        relay.mend()
        await desk.until(lambda: desk.end_of(handle) is not None)
        assert desk.end_of(handle) is EndReason.PLATFORM_LOST
        assert await call.active()
    await nothing_is_left(janus)
    await call.customer.hang_up()


async def test_a_session_that_was_not_kept_is_told_of(janus: JanusSite) -> None:
    call = await janus.call()
    async with (
        relayed(JANUS) as relay,
        desk_at(janus, url=relay.url) as desk,
    ):
        handle, _ = await desk.join(call.id)
        told = len(desk.of(PlatformConnection))
        session_id = names.session_id(handle)
        relay.cut()
        await administer("destroy_session", session_id=session_id)
        await desk.until(lambda: len(desk.of(PlatformConnection)) >= told + 2)
        await desk.until(lambda: desk.end_of(handle) is not None)
        assert desk.end_of(handle) in (EndReason.PLATFORM_LOST, EndReason.REMOVED)
        assert await call.active()
    await nothing_is_left(janus)
    await call.customer.hang_up()
