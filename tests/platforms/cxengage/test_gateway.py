"""The voice gateway of CxEngage: lost, silent, and saying anything."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage import voice
from appliance.platforms.cxengage.driver import CxEngageDriver
from tests.platforms.cxengage.helpers import (
    CUSTOMER_HZ,
    SUE,
    desk,
    ended,
    gone_on,
    memory_stays_within,
    new_call,
)
from tests.platforms.cxengage.process import StandinProcess
from tests.platforms.site import HEARD_DBFS

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def test_the_older_address_is_taken_where_the_newer_does_not_answer(
    standin: StandinProcess,
) -> None:
    """In turn, for ever: each may be away for a while."""
    url = standin.driver_settings().voice_urls[0]
    asked: list[str] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as away:
        port = away.sockets[0].getsockname()[1]
        urls = [f"ws://127.0.0.1:{port}/{{edge}}/signal", url]
        region = {"type": "webrtc", "value": SUE, "provider": "twilio", "region": "ie1"}
        await standin.do("user", user=SUE, extension=region)
        call = await new_call(standin)
        async with desk(standin, voice_urls=urls) as found:
            handle, _ = await found.join(call.id)
            await found.leave(handle)
        assert asked == ["GET /roaming/signal HTTP/1.1\r\n"]
        asked.clear()
        urls = [url + "x", f"ws://127.0.0.1:{port}/v1{{region}}/signal", url]
        async with desk(standin, voice_urls=urls) as found:
            handle, _ = await found.join(call.id)
            await found.leave(handle)
            checks = await CxEngageDriver(standin.driver_settings("tom", voice_urls=urls)).check()
            assert checks[-1].passed
        assert asked == ["GET /v1-ie1/signal HTTP/1.1\r\n", "GET /v1/signal HTTP/1.1\r\n"]
    await call.customer.hang_up()


async def test_enormous_messages_of_the_gateway_end_no_call(standin: StandinProcess) -> None:
    call = await new_call(standin)
    async with desk(standin) as found:
        handle, leg = await found.join(call.id)
        with memory_stays_within(64):
            await standin.do("voice_flood", user=SUE, size=100_000, count=1_000)
            connections = (await standin.do("seen"))["connections"]
            await standin.do("voice_send", user=SUE, text="x" * 4_000_000)
            async with asyncio.timeout(10):
                while (await standin.do("seen"))["connections"] == connections:
                    await asyncio.sleep(0.05)
        await gone_on(found, handle, call)
        await call.customer.tone(CUSTOMER_HZ)
        await found.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        await found.leave(handle)
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
