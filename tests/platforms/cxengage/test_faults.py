"""What can go wrong at CxEngage, injected at the stand-in: the driver survives and says so."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.cxengage import voice
from appliance.platforms.protocol import (
    Capability,
    InteractionsSnapshot,
    PlatformConnection,
    PlatformError,
)
from tests.platforms.cxengage.process import StandinProcess, running_standin
from tests.platforms.cxengage.site import AtDesk, CxEngageSite
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS, SiteCall

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUE = "user-sue"
INTERRUPTS, LIST, BEAT = "/interrupts", "/realtime-statistics", "/heartbeat"
CUSTOMER_HZ = 1200.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandinProcess]:
    async with running_standin(tmp_path_factory.mktemp("faults")) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def standin(process: StandinProcess) -> AsyncIterator[StandinProcess]:
    """Without faults, and with nothing left over from the test."""
    yield process
    await process.do("faults", faults={})
    await process.do("user", user=SUE, permissions=list(EVERY))
    for _ in range(200):
        if not (left := await process.do("ours")):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"left: {left}")


EVERY = ("VIEW_ALL_MONITORED_CALLS", "MONITOR_ALL_CALLS", "BARGE_ALL_CALLS")


@asynccontextmanager
async def desk(standin: StandinProcess, **settings: object) -> AsyncIterator[Desk]:
    async with desk_at(CxEngageSite(standin), **settings) as found:
        yield found


async def new_call(standin: StandinProcess, agent: str = "agent-ada", flow: str = "on") -> SiteCall:
    return await CxEngageSite(standin).call(agent_id=agent, monitoring=flow)


def fault(path: str, status: int = 500, times: int = 1, **fields: Any) -> dict[str, Any]:
    return {"rest": [{"path": path, "status": status, "times": times, **fields}]}


async def ended(found: Desk, handle: str) -> EndReason:
    await found.until(lambda: found.end_of(handle) is not None, 6)
    reason = found.end_of(handle)
    assert reason is not None
    return reason


async def gone_on(found: Desk, handle: str, call: SiteCall) -> None:
    """The leg is there and the call is up."""
    await asyncio.sleep(1.0)
    assert found.end_of(handle) is None
    assert await call.active()


# -- both kinds of end, and messages of every kind


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
        await asyncio.sleep(1.0)
        (missing,) = (await standin.do("seen"))["unacknowledged"]
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


# -- credentials and the session


async def test_expired_tokens_are_renewed_unseen(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        await standin.do("expire", what="tokens")
        await found.driver.set_audience(handle, Audience.EVERYONE)
        await gone_on(found, handle, call)
        assert found.connected()
        await found.leave(handle)
    await call.customer.hang_up()


async def test_expired_queue_credentials_are_renewed(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin, sqs_wait=1) as found:
        handle, _ = await found.join(call.id)
        await standin.do("expire", what="sqs")
        await standin.do("faults", faults={"no_leg_hangup": True})
        await asyncio.sleep(1.0)
        await call.remove_supervisors()
        assert await ended(found, handle) is EndReason.REMOVED
    await call.customer.hang_up()


async def test_credentials_are_renewed_before_they_expire(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("short")
    async with running_standin(directory, sqs_ttl=2.0, voice_ttl=2.0) as standin:
        call = await new_call(standin)
        async with desk(standin) as found:
            handle, leg = await found.join(call.id)
            await asyncio.sleep(3.0)
            await call.customer.tone(CUSTOMER_HZ)
            await found.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
            seen = await standin.do("seen")
            assert seen["sqs_logins"][SUE] >= 3
            assert len([m for m in seen["voice"] if m["type"] == "listen"]) >= 3
            assert seen["connections"] == 1
            await found.leave(handle)


@pytest.mark.parametrize("how", ["stall", "expiry"])
async def test_a_dead_session_is_told_and_followed_by_a_new_one(
    standin: StandinProcess, how: str
) -> None:
    call = await new_call(standin)
    async with desk(standin, request_timeout=1.0) as found:
        handle, _ = await found.join(call.id)
        if how == "stall":
            await standin.do("faults", faults=fault(BEAT, 503, 1000))
        else:
            await standin.do("expire", what="sessions")
        # Both ends of the leg can be told before the session is known to be dead.
        await found.until(lambda: found.end_of(handle) is not None)
        assert found.end_of(handle) in (EndReason.PLATFORM_LOST, EndReason.REMOVED)
        await standin.do("faults", faults={})
        await found.until(
            lambda: len(told := found.of(PlatformConnection)) > 1 and told[-1].connected
        )
        handle, _ = await found.join(call.id)
        await found.leave(handle)
    await call.customer.hang_up()


@pytest.mark.parametrize(
    "faults",
    [fault("/v1/", 503, 6), fault(BEAT, 0, 1, delay=1.5), fault(BEAT, 200, 2, body="[]")],
    ids=["everything", "slow-beat", "odd-beat"],
)
async def test_a_short_fault_ends_no_session(
    standin: StandinProcess, faults: dict[str, Any]
) -> None:
    call = await new_call(standin)
    async with desk(standin, request_timeout=1.0) as found:
        handle, _ = await found.join(call.id)
        await standin.do("faults", faults=faults)
        await asyncio.sleep(2.0)
        await gone_on(found, handle, call)
        await found.until(found.connected)
        await found.leave(handle)
    await call.customer.hang_up()


async def test_an_account_that_is_signed_in_elsewhere_is_left_alone(
    standin: StandinProcess,
) -> None:
    async with desk(standin) as found:
        session = (await standin.do("seen"))["sessions"][SUE]
        second = Desk(AtDesk(standin.driver_settings(), []))
        await second.driver.start(second.events.append)
        await second.until(lambda: bool(second.of(PlatformConnection)))
        assert "signed in elsewhere" in second.of(PlatformConnection)[0].detail
        assert (await standin.do("seen"))["sessions"][SUE] == session
        await found.driver.stop()
        await second.until(second.connected, 20)
        await second.close()


# -- the voice gateway


async def test_a_call_outlives_its_signalling(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, leg = await found.join(call.id)
        await standin.do("drop_voice", user=SUE)
        async with asyncio.timeout(10):
            while SUE not in (await standin.do("seen"))["registered"]:
                await asyncio.sleep(0.05)
        await gone_on(found, handle, call)
        last = (await standin.do("seen"))["voice"]
        again = [m for m in last if m["type"] == "invite"][-1]["payload"]
        assert set(again) == {"callsid", "sdp", "reconnect", "twilio"}
        await call.customer.tone(CUSTOMER_HZ)
        await found.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        await standin.do("faults", faults={"no_end_event": True})
        await call.remove_supervisors()
        assert await ended(found, handle) is EndReason.REMOVED
    await call.customer.hang_up()


async def test_a_silent_gateway_is_left_and_called_again(
    standin: StandinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice, "SILENCE_S", 2.5)
    async with desk(standin):
        before = (await standin.do("seen"))["connections"]
        await asyncio.sleep(3.5)
        assert (await standin.do("seen"))["connections"] == before
        await standin.do("voice_beats", on=False)
        async with asyncio.timeout(8):
            while (await standin.do("seen"))["connections"] == before:
                await asyncio.sleep(0.1)
        await standin.do("voice_beats", on=True)


async def test_the_gateway_may_say_anything(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        for text in ("", "x", "[]", "null", "[" * 5000, '{"type":7}', '{"type":"dance"}'):
            await standin.do("voice_send", user=SUE, text=text)
        for kind in ("invite", "cancel", "hangup", "error"):
            payloads: tuple[dict[str, Any], ...] = ({}, {"callsid": 7}, {"error": []})
            for payload in (*payloads, {"callsid": "CAother"}):
                await standin.do("voice_tell", user=SUE, kind=kind, payload=payload)
        await standin.do("voice_tell", user=SUE, kind="error", payload={"error": {"code": 31205}})
        stranger = {"callsid": "CAstranger", "sdp": "v=0"}
        await standin.do("voice_tell", user=SUE, kind="invite", payload=stranger)
        await gone_on(found, handle, call)
        said = (await standin.do("seen"))["voice"]
        rejected = [m["payload"] for m in said if m["type"] == "reject"]
        assert rejected == [{"callsid": "CAstranger"}]
        await found.leave(handle)
    await call.customer.hang_up()


async def test_an_offer_without_mid_is_answered_too(standin: StandinProcess) -> None:
    call = await new_call(standin)
    await standin.do("faults", faults={"no_mid": True})
    async with desk(standin) as found:
        handle, leg = await found.join(call.id)
        await call.customer.tone(CUSTOMER_HZ)
        await found.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        await found.leave(handle)
    await call.customer.hang_up()


# -- refusals


async def refused(found: Desk, call: SiteCall) -> PlatformError:
    error = await found.refused(call.id)
    assert error.detail.endswith(".")
    assert await call.active()
    return error


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


# -- one's own call is never ended


async def test_one_s_own_call_is_refused(standin: StandinProcess) -> None:
    call = await new_call(standin, agent=SUE)
    async with desk(standin) as found:
        interaction = await found.lists(call.id)
        assert interaction.not_monitorable_reason is EndReason.OWN_CALL
        assert (await refused(found, call)).code == EndReason.OWN_CALL
    await call.customer.hang_up()


@pytest.mark.parametrize("poll", [0.25, 60.0], ids=["seen", "not-seen-yet"])
async def test_a_transfer_to_ourselves_lets_only_the_leg_go(
    standin: StandinProcess, poll: float
) -> None:
    call = await new_call(standin)
    async with desk(standin, poll_interval=poll) as found:
        handle, _ = await found.join(call.id)
        await call.transfer(SUE)
        if poll < 1:
            assert await ended(found, handle) is EndReason.OWN_CALL
        await found.leave(handle)
        await asyncio.sleep(0.5)
        assert await call.active()
    await call.customer.hang_up()


@pytest.mark.parametrize("where", [INTERRUPTS, LIST], ids=["remove", "list"])
async def test_leaving_without_the_platform_s_help_lets_the_leg_go(
    standin: StandinProcess, where: str
) -> None:
    call = await new_call(standin)
    async with desk(standin, request_timeout=1.0, poll_interval=60) as found:
        handle, _ = await found.join(call.id)
        await standin.do("faults", faults=fault(where, 500, 50))
        await found.leave(handle)
        assert not [left for left in await standin.do("ours") if "sue" in left]
        assert await call.active()
        await standin.do("faults", faults={})
    await call.customer.hang_up()


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
