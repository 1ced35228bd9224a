"""What the real contact centre refuses, and in which words the driver tells it."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformConnection, PlatformError
from appliance.platforms.sandbox.driver import SandboxDriver
from appliance.platforms.sandbox.wire import MAX_REQUEST
from tests.support.centre import Administrator, CentreProcess
from tests.support.leg_port import FixedLeg
from tests.support.peer import Peer
from tests.support.sandbox_box import Box, legs
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("centre_on_loopback"),
]


async def test_refusals_have_their_reasons(box: Box, admin: Administrator) -> None:
    async def refusal(call: str, supervisor: str = "sue") -> str:
        with pytest.raises(PlatformError) as caught:
            await box.join(call, supervisor=supervisor)
        assert caught.value.detail.endswith(".")
        return caught.value.code

    without = await admin.create_call(flow="Emergency line")
    disabled = await admin.create_call(flow="Works council")
    over = await admin.create_call()
    await admin.do("end", call=over)
    call = await admin.create_call()
    assert await refusal(without) == EndReason.NO_MONITORING_OBJECT
    assert await refusal(disabled) == EndReason.MONITORING_DISABLED
    assert await refusal(over) == EndReason.CALL_ENDED
    assert await refusal("nothing") == "not_found"
    await admin.do("bar", supervisor="max")
    assert await refusal(call, "max") == EndReason.NOT_PERMITTED
    await admin.do("refuse_next_offer")
    assert await refusal(call) == "bad_offer"
    handle, _ = await box.join(call)
    assert await refusal(call) == "already_monitoring"
    assert [leg["handle"] for leg in await legs(admin, call)] == [handle]


@pytest.mark.parametrize("offer", ["garbage", "v=0\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"])
async def test_an_offer_that_makes_no_sense_is_refused(
    box: Box, admin: Administrator, offer: str
) -> None:
    call = await admin.create_call()
    with pytest.raises(PlatformError) as caught:
        await box.driver.monitor(f"bad-{call}", call, "sue", FixedLeg(offer))
    assert caught.value.code == "bad_offer"
    assert await legs(admin, call) == []


async def test_an_offer_with_more_than_audio_is_refused(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    peer = Peer()
    peer.connection.createDataChannel("more")
    with pytest.raises(PlatformError) as caught:
        await box.driver.monitor(f"more-{call}", call, "sue", FixedLeg(await peer.offer()))
    assert caught.value.code == "bad_offer"
    await peer.close()


async def test_a_wrong_token_is_said_in_words(centre: CentreProcess) -> None:
    box = Box(SandboxDriver(centre.driver_settings(token="not-the-token")))
    await box.driver.start(box.events.append)
    await eventually(lambda: bool(box.events))
    await asyncio.sleep(0.5)
    (event,) = box.of(PlatformConnection)
    assert not event.connected
    assert "token" in event.detail
    assert "ready file" in event.detail
    with pytest.raises(PlatformError):
        await box.join("call-1")
    await box.close()


async def _say(socket: Any, text: str | bytes) -> Any:
    await socket.send(text)
    async with asyncio.timeout(5):
        return json.loads(await socket.recv())


async def test_garbage_gets_an_error_and_nothing_breaks(
    centre: CentreProcess, admin: Administrator
) -> None:
    async with connect(centre.ready.url, proxy=None) as socket:
        for text in ("", "{", "[1]", '{"id": 7, "op": "fly"}', b"\xff\x00", "[" * 5000):
            reply = await _say(socket, text)
            assert (reply["ok"], reply["code"]) == (False, "bad_request")
        assert (await _say(socket, '{"id": 7, "op": "fly"}'))["id"] == 7
        assert (await _say(socket, '{"id": 1, "op": "subscribe"}'))["code"] == "not_permitted"
        hello = {"id": 2, "op": "hello", "token": centre.ready.token}
        wrong = await _say(socket, json.dumps({**hello, "tenant": "elsewhere"}))
        assert wrong["code"] == "not_permitted"
        assert (await _say(socket, json.dumps(hello)))["ok"] is True
        reply = await _say(socket, '{"id": 3, "op": "set_listed", "n": 5}')
        assert reply["code"] == "not_permitted", "a supervisor is no administrator"
        await socket.send("x" * (MAX_REQUEST + 1))
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
    assert await admin.create_call()


async def test_only_programs_on_this_machine_get_in(
    centre: CentreProcess, box: Box, admin: Administrator
) -> None:
    port = int(centre.ready.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)
    with pytest.raises(InvalidStatus):
        await connect(centre.ready.url, origin="http://127.0.0.1", proxy=None)  # type: ignore[arg-type]
    call = await admin.create_call()
    peer = Peer()
    leg = FixedLeg(await peer.offer())
    await box.driver.monitor("local", call, "sue", leg)
    candidates = [line.split()[4] for line in leg.answered.splitlines() if "candidate:" in line]
    assert set(candidates) == {"127.0.0.1"}
    await peer.close()
