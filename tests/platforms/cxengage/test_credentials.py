"""Tokens and credentials that run out, and the session that they stand for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.cxengage import rest
from appliance.platforms.protocol import PlatformConnection
from tests.platforms.cxengage.helpers import (
    BEAT,
    CUSTOMER_HZ,
    SUE,
    desk,
    ended,
    fault,
    gone_on,
    new_call,
)
from tests.platforms.cxengage.process import StandinProcess, running_standin
from tests.platforms.cxengage.site import AtDesk
from tests.platforms.desk import Desk
from tests.platforms.site import HEARD_DBFS

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
            assert seen["queue_refusals"] == 0
            assert len([m for m in seen["voice"] if m["type"] == "listen"]) >= 3
            assert seen["connections"] == 1
            await found.leave(handle)


async def test_the_sign_in_is_renewed_before_it_expires(
    standin: StandinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "RENEW_AT", 1 / 60)  # of the shortest life, a minute
    before = len((await standin.do("seen"))["requests"])
    async with desk(standin, token_ttl=60) as found:
        await asyncio.sleep(4.0)
        assert found.connected()
    requests = (await standin.do("seen"))["requests"][before:]
    assert len([path for _, path, _ in requests if path == "/v1/tokens"]) >= 3
    assert {status for *_, status in requests} == {200}


async def test_a_sign_in_that_is_refused_for_a_while_is_named_and_survived(
    standin: StandinProcess,
) -> None:
    """401 to all, as when the account's password has been changed."""
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, _ = await found.join(call.id)
        await standin.do("faults", faults=fault("/v1/", 401, 10_000))
        await found.until(lambda: not found.connected())
        assert "correct user and password" in found.of(PlatformConnection)[-1].detail
        await found.until(lambda: found.end_of(handle) is not None, 15)
        await standin.do("faults", faults={})
        await found.until(found.connected, 20)
        handle, _ = await found.join(call.id)
        await found.leave(handle)
    await call.customer.hang_up()


async def test_a_voice_token_that_is_refused_is_not_renewed_in_a_tight_loop(
    standin: StandinProcess,
) -> None:
    async with desk(standin) as found:
        await standin.do("faults", faults={"voice_refuses": True})
        await standin.do("drop_voice", user=SUE)
        before = (await standin.do("seen"))["sqs_logins"][SUE]
        await asyncio.sleep(5.0)
        readings = (await standin.do("seen"))["sqs_logins"][SUE] - before
        assert 2 <= readings <= 4
        await found.until(lambda: not found.connected())
        assert "voice gateway" in found.of(PlatformConnection)[-1].detail
        await standin.do("faults", faults={})
        await found.until(found.connected)


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
