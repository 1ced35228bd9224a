"""Answers of CxEngage that are late, enormous or in no known form."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from appliance.platforms.protocol import InteractionsSnapshot, PlatformConnection
from tests.platforms.cxengage.helpers import (
    CUSTOMER_HZ,
    LIST,
    SUE,
    desk,
    ended,
    fault,
    gone_on,
    memory_stays_within,
    new_call,
)
from tests.platforms.cxengage.process import StandinProcess, running_standin
from tests.platforms.site import HEARD_DBFS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENORMOUS = 256 * 1024 * 1024
RECEIVE = "/sqs/AmazonSQS.ReceiveMessage"


async def test_a_list_in_an_unknown_form_is_told_and_passes(standin: StandinProcess) -> None:
    async with desk(standin) as found:
        for body in ('{"results":{"w1":{"body":{"results":{"interactions":7}}}}}', "[", "[]"):
            await standin.do("faults", faults=fault(LIST, 200, 1, body=body))
            number = len(found.of(PlatformConnection))
            await found.until(lambda n=number: len(found.of(PlatformConnection)) >= n + 2)  # type: ignore[misc]
            assert not found.of(PlatformConnection)[number].connected
            assert found.connected()
            # Whatever changed meanwhile: the list is told as a whole again.
            assert isinstance(found.events[-1], InteractionsSnapshot)


@pytest.mark.parametrize(
    "fields",
    [{"size": ENORMOUS}, {"size": ENORMOUS, "packed": True}, {"status": 500, "size": ENORMOUS}],
    ids=["long", "packed", "failure"],
)
async def test_an_enormous_list_is_told_and_passes(
    standin: StandinProcess, fields: dict[str, Any]
) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        with memory_stays_within(64):
            number = len(found.of(PlatformConnection))
            await standin.do("faults", faults=fault(LIST, **{"status": 200, "times": 3, **fields}))
            await found.until(lambda: len(found.of(PlatformConnection)) >= number + 2, 30)
        assert found.of(PlatformConnection)[number].detail.startswith("CxEngage ")
        await gone_on(found, handle, call)
        await found.leave(handle)
    await call.customer.hang_up()


@pytest.mark.parametrize(
    "fields",
    [
        {"size": ENORMOUS},
        {"size": ENORMOUS, "packed": True},
        {"body": "<html>"},
        {"body": "[" * 100_000},
        {"body": {"Messages": [{"Body": 7}, None, "x"] * 1000}},
        {"status": 500, "body": "\x00"},
        {"status": 302, "body": ""},
    ],
    ids=["long", "packed", "html", "deep", "odd", "failure", "elsewhere"],
)
async def test_whatever_the_queue_answers_the_end_is_seen(
    standin: StandinProcess, fields: dict[str, Any]
) -> None:
    call = await new_call(standin)
    async with desk(standin, sqs_wait=1) as found:
        handle, _ = await found.join(call.id)
        with memory_stays_within(64):
            faults = fault(RECEIVE, **{"status": 200, "times": 3, **fields})
            await standin.do("faults", faults=faults | {"no_leg_hangup": True})
            await asyncio.sleep(1.5)
            await gone_on(found, handle, call)
            await call.customer.hang_up()
            await ended(found, handle)


async def test_an_enormous_message_is_taken_off_and_forgotten(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        with memory_stays_within(64):
            for size in (1_000_000, 1_100_000):
                await standin.do("push", user=SUE, message="x" * size)
            async with asyncio.timeout(10):
                while (await standin.do("seen"))["queued"][SUE]:
                    await asyncio.sleep(0.2)
        await gone_on(found, handle, call)
        await found.leave(handle)
    await call.customer.hang_up()


async def test_answers_of_ten_seconds_are_told_and_end_no_call(tmp_path: Path) -> None:
    """The platform does what it was asked for, but late, when the box has given up waiting."""
    async with running_standin(tmp_path, heartbeat_delay=10.0) as standin:
        call = await new_call(standin)
        async with desk(standin) as found:
            handle, leg = await found.join(call.id)
            await standin.do("faults", faults=fault("/v1/", 0, 10_000, delay=10.0))
            await found.until(lambda: not found.connected())
            assert "did not answer within 4 s" in found.of(PlatformConnection)[-1].detail
            await asyncio.sleep(10.0)
            await call.customer.tone(CUSTOMER_HZ)
            await found.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
            await gone_on(found, handle, call)
            begun = time.monotonic()
            await found.leave(handle)
            # One reading that is under way, one of our own, and the wait for the leg's end.
            assert time.monotonic() - begun < 4.0 + 4.0 + 2.0 + 1.0
            assert await call.active()
            await standin.do("faults", faults={})
            await found.until(found.connected, 20)
            handle, _ = await found.join(call.id)
            await found.leave(handle)
        assert await call.active()
