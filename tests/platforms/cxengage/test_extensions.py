"""Extensions of the account: which one is taken, and in which words the others are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.driver import CxEngageDriver
from tests.platforms.cxengage.helpers import SUE, desk, new_call, refused
from tests.platforms.cxengage.process import StandinProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEBRTC = {"type": "webrtc", "value": SUE, "provider": "twilio", "region": "default"}
PSTN = {"type": "pstn", "value": "+15550177"}
SIP = {"type": "sip", "value": "sip:box@pbx.example.org"}


@pytest_asyncio.fixture(loop_scope="module")
async def tenant(standin: StandinProcess) -> AsyncIterator[StandinProcess]:
    """Its account has a WebRTC extension again afterwards."""
    yield standin
    await standin.do("user", user=SUE, extension=WEBRTC)


@pytest.mark.parametrize(
    ("extension", "words"),
    [
        (None, "no extension at CxEngage (7025)"),
        (PSTN, "a telephone number; a tenant administrator can make a WebRTC or SIP"),
        (SIP, "fill in the section platform.cxengage.sip"),
        ({"type": 7}, "of a kind that the box does not know"),
    ],
    ids=["none", "pstn", "sip-without-settings", "unknown"],
)
async def test_an_extension_that_cannot_be_called_is_refused_in_words(
    tenant: StandinProcess, extension: dict[str, Any] | None, words: str
) -> None:
    """Before anything is asked of the platform; the list is there all the same."""
    await tenant.do("user", user=SUE, extension=extension)
    call = await new_call(tenant)
    async with desk(tenant) as found:
        await found.lists(call.id)
        asked = len((await tenant.do("seen"))["requests"])
        error = await refused(found, call)
        assert words in error.detail
        assert error.code == EndReason.FAILED
        requests = (await tenant.do("seen"))["requests"][asked:]
        assert not [path for _, path, _ in requests if path.endswith("/interrupts")]
        assert found.connected()
    last = (await CxEngageDriver(tenant.driver_settings()).check())[-1]
    assert (last.step, last.passed) == ("media", False)
    assert words in last.detail
    await call.customer.hang_up()


async def test_a_mended_extension_is_taken_without_a_restart(tenant: StandinProcess) -> None:
    await tenant.do("user", user=SUE, extension=PSTN)
    call = await new_call(tenant)
    async with desk(tenant) as found:
        await found.lists(call.id)
        await refused(found, call)
        await tenant.do("user", user=SUE, extension=WEBRTC)
        error = await refused(found, call)
        assert "try again in a moment" in error.detail
        async with asyncio.timeout(10):
            while SUE not in (await tenant.do("seen"))["registered"]:
                await asyncio.sleep(0.05)
        await found.until(found.connected)
        handle, _ = await found.join(call.id)
        await found.leave(handle)
    await call.customer.hang_up()


async def test_an_extension_that_changes_ends_no_call(tenant: StandinProcess) -> None:
    call = await new_call(tenant)
    async with desk(tenant) as found:
        handle, leg = await found.join(call.id)
        await tenant.do("user", user=SUE, extension=PSTN)
        await tenant.do("expire", what="sqs")  # has the configuration read again
        await asyncio.sleep(3.0)
        assert found.end_of(handle) is None
        before = leg.frames
        await found.until(lambda: leg.frames > before)
        await found.leave(handle)
        await found.until(lambda: not found.connected(), 15)
        await found.until(found.connected, 15)
        assert "telephone number" in (await refused(found, call)).detail
    await call.customer.hang_up()
