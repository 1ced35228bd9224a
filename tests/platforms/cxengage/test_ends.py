"""Ends of a leg at CxEngage and the messages that tell of them."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from appliance.control_link.words import EndReason
from tests.platforms.cxengage.helpers import SUE, desk, ended, fault, gone_on, new_call
from tests.platforms.cxengage.process import StandinProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "faults",
    [
        {"no_leg_hangup": True},
        {"no_leg_hangup": True, "kebab": True},
        {"no_leg_hangup": True, "duplicates": True},
        {"no_end_event": True},
        {"no_end_event": True, "no_start_event": True},
    ],
    ids=["message", "kebab", "twice", "hang-up", "hang-up-without-any-message"],
)
async def test_either_end_alone_ends_the_session(
    standin: StandinProcess, faults: dict[str, Any]
) -> None:
    call = await new_call(standin)
    await standin.do("faults", faults=faults)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        await call.remove_supervisors()
        assert await ended(found, handle) is EndReason.REMOVED
        assert await call.active()
        handle, _ = await found.join(call.id)
        await call.customer.hang_up()
        assert await ended(found, handle) is EndReason.CALL_ENDED


def message(session: str | None, call: str, **fields: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": "agent-notification",
        "notificationType": "silent-monitor-end",
        "interactionId": call,
        "resourceId": SUE,
        **fields,
    }
    return said if session is None else said | {"sessionId": session}


async def test_only_messages_of_our_session_count_and_newer_ones_are_left(
    standin: StandinProcess,
) -> None:
    older, call = str(uuid.uuid1()), await new_call(standin)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        newer = message(str(uuid.uuid1()), call.id)
        await standin.do("push", user=SUE, message=message(older, call.id))
        await standin.do("push", user=SUE, message=message(None, call.id))
        for text in ("no JSON", "[]", "{}", "null", '{"sessionId": 7}', "[" * 5000):
            await standin.do("push", user=SUE, message=text)
        await standin.do("push", user=SUE, message=newer)
        async with asyncio.timeout(10):
            while len((await standin.do("seen"))["queued"][SUE]) > 1:
                await asyncio.sleep(0.05)
        await gone_on(found, handle, call)
        (left,) = (await standin.do("seen"))["queued"][SUE]
        assert newer["sessionId"] in left
    await standin.do("clear_queue", user=SUE)
    await call.customer.hang_up()


async def test_the_session_of_a_message_may_stand_in_its_resource(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        session = (await standin.do("seen"))["sessions"][SUE]
        said = message(None, call.id, resource={"session-id": session})
        await standin.do("push", user=SUE, message=said)
        assert await ended(found, handle) is EndReason.REMOVED
    await call.customer.hang_up()


async def test_a_late_end_does_not_end_the_next_leg(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin, leave_wait=0.3) as found:
        first, _ = await found.join(call.id)
        await standin.do("faults", faults={"message_delay": 1.5, "no_leg_hangup": True})
        await found.leave(first)
        await standin.do("faults", faults={})
        second, _ = await found.join(call.id)
        await asyncio.sleep(1.5)
        await gone_on(found, second, call)
        await found.leave(second)
    await call.customer.hang_up()


async def test_a_missing_acknowledgement_does_not_go_unnoticed(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        await standin.do("faults", faults=fault("/actions/", 404, 1))
        handle, _ = await found.join(call.id)
        async with asyncio.timeout(10):  # the message may be under way for a while
            while not (seen := (await standin.do("seen"))["unacknowledged"]):
                await asyncio.sleep(0.1)
        (missing,) = seen
        await found.leave(handle)
    await standin.do("forgive", action=missing)
    await call.customer.hang_up()


async def test_acknowledgements_are_repeated_after_a_5xx(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        await standin.do("faults", faults=fault("/actions/", 503, 2))
        handle, _ = await found.join(call.id)
        await asyncio.sleep(1.5)
        assert (await standin.do("seen"))["unacknowledged"] == []
        await found.leave(handle)
    await call.customer.hang_up()
