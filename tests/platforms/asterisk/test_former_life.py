"""What a box that died has left on the server is gone when it is back, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from appliance.platforms.asterisk.driver import AsteriskDriver
from appliance.platforms.asterisk.settings import AsteriskSettings
from tests.platforms.asterisk.doomed import doomed_box
from tests.platforms.asterisk.site import AsteriskSite, asterisk_site
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER_HZ = 1200.0
SECONDS_TO_SWEEP = 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsteriskSite]:
    async with asterisk_site(tmp_path_factory.mktemp("asterisk")) as site:
        yield site


@pytest.mark.parametrize("barge_by", ["whisper", "bridge"])
@pytest.mark.parametrize("barges", [False, True], ids=["listening", "live"])
async def test_all_of_its_own_is_removed_and_nothing_of_another_box(
    asterisk: AsteriskSite, barges: bool, barge_by: str
) -> None:
    """With an empty database: the new life knows of no session."""
    call = await asterisk.call()
    async with desk_at(asterisk) as other:
        _, leg = await other.join(call.id)
        others = set(await asterisk.ours())
        settings = asterisk.settings() | {"barge_by": barge_by}
        async with doomed_box(settings, call.id, barges=barges) as process:
            assert set(await asterisk.ours()) > others
            process.kill()
            await process.wait()
        assert set(await asterisk.ours()) > others
        back = Desk(AsteriskDriver(AsteriskSettings.model_validate(settings)))
        await back.driver.start(back.events.append)
        async with asyncio.timeout(SECONDS_TO_SWEEP):
            while set(await asterisk.ours()) != others:
                await asyncio.sleep(0.05)
        assert await call.active()
        await call.customer.tone(CUSTOMER_HZ)
        await other.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        await back.close()
    await call.customer.hang_up()


async def test_what_is_still_known_waits_for_its_owner(asterisk: AsteriskSite) -> None:
    """The owner resumes it or leaves it, as soon as it has met the headset process."""
    call = await asterisk.call()
    settings = asterisk.settings()
    first = Desk(AsteriskDriver(AsteriskSettings.model_validate(settings)))
    await first.driver.start(first.events.append)
    handle, leg = await first.join(call.id)
    await first.driver.stop()
    second = Desk(AsteriskDriver(AsteriskSettings.model_validate(settings)))
    await second.driver.start(second.events.append, frozenset({handle}))
    await second.until(second.connected)
    await asyncio.sleep(1.0)
    assert await second.driver.resume(handle, leg)
    await call.customer.tone(CUSTOMER_HZ)
    await second.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    await second.driver.leave(handle)
    assert await asterisk.ours() == []
    assert await call.active()
    await leg.close()
    await second.close()
    await call.customer.hang_up()
