"""The driver against the real contact centre in its own process, with a real WebRTC peer."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from aioice import ice
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import (
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    PlatformConnection,
    PlatformError,
    PlatformEvent,
)
from appliance.platforms.sandbox.driver import SandboxDriver
from appliance.platforms.sandbox.wire import MAX_REQUEST
from appliance.webrtc import allow_loopback
from tests.support.centre import Administrator, CentreProcess, running_centre
from tests.support.peer import Peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ = 440.0, 1000.0, 2000.0
HEARD, UNHEARD = -26.0, -80.0

EventT = TypeVar("EventT", bound=PlatformEvent)


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


class Box:
    """A driver, what it reported, and the legs it joined with."""

    def __init__(self, driver: SandboxDriver) -> None:
        self.driver = driver
        self.events: list[PlatformEvent] = []
        self._peers: list[Peer] = []
        self._number = 0

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    def states(self, call: str) -> list[str]:
        changes = [event.interaction for event in self.of(InteractionChanged)]
        return [one.state for one in changes if one.id == call]

    async def join(
        self, call: str, *, supervisor: str = "sue", direction: str = "sendrecv"
    ) -> tuple[str, Peer]:
        """Handle and peer of a connected leg."""
        self._number += 1
        handle, peer = f"{id(self)}-{self._number}", Peer(direction)
        self._peers.append(peer)
        answer = await self.driver.monitor(handle, call, supervisor, await peer.offer())
        await peer.accept(answer)
        return handle, peer

    async def close(self) -> None:
        await self.driver.stop()
        for peer in self._peers:
            await peer.close()


@pytest.fixture(scope="module", autouse=True)
def _loopback() -> Iterator[None]:
    before = ice.get_host_addresses
    allow_loopback(only=True)
    yield
    ice.get_host_addresses = before


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CentreProcess]:
    limits: dict[str, Any] = {"grace": 1.0, "connect_timeout": 2.0, "media_timeout": 3.0}
    async with running_centre(tmp_path_factory.mktemp("centre"), **limits) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def admin(centre: CentreProcess) -> AsyncIterator[Administrator]:
    async with centre.administrator() as administrator:
        yield administrator


async def connected(centre: CentreProcess, **settings: Any) -> Box:
    box = Box(SandboxDriver(centre.driver_settings(**settings)))
    await box.driver.start(box.events.append)
    await until(lambda: bool(box.of(InteractionsSnapshot)))
    return box


@pytest_asyncio.fixture(loop_scope="module")
async def box(centre: CentreProcess) -> AsyncIterator[Box]:
    one = await connected(centre)
    yield one
    await one.close()


async def legs(admin: Administrator, call: str) -> list[Any]:
    result = await admin.do("legs")
    return [leg for leg in result["legs"] if leg["call"] == call]


async def no_legs(admin: Administrator, call: str) -> None:
    async with asyncio.timeout(10):
        while await legs(admin, call):
            await asyncio.sleep(0.02)


async def test_joining_is_silent_and_both_sides_are_heard(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    before = await admin.roster(call)
    await admin.tone(call, "agent", AGENT_HZ)
    await admin.tone(call, "customer", CUSTOMER_HZ)
    handle, peer = await box.join(call)
    await until(lambda: peer.level(AGENT_HZ) > HEARD and peer.level(CUSTOMER_HZ) > HEARD)
    assert await admin.roster(call) == before, "nobody saw or was told anything"
    packets = await admin.uplink(handle, payloads=True)
    assert packets
    assert {packet[5] for packet in packets} == {"f8fffe"}
    assert box.events[0] == PlatformConnection(connected=True)
    (monitor,) = box.of(InteractionChanged)[-1].interaction.monitors
    assert (monitor.supervisor, monitor.barged_in, monitor.ended_at) == ("sue", False, None)


@pytest.mark.parametrize(
    ("audience", "hearing"),
    [
        (None, set()),
        (Audience.AGENT, {"agent"}),
        (Audience.EVERYONE, {"agent", "customer"}),
    ],
)
async def test_the_supervisor_is_heard_by_the_audience_only(
    box: Box, admin: Administrator, audience: Audience | None, hearing: set[str]
) -> None:
    call = await admin.create_call()
    await admin.tone(call, "agent", AGENT_HZ)
    await admin.tone(call, "customer", CUSTOMER_HZ)
    before = await admin.roster(call)
    handle, peer = await box.join(call)
    peer.track.hz = SUPERVISOR_HZ
    await box.driver.set_audience(handle, audience)
    await until(lambda: peer.frames >= 100)
    levels = {
        side: await admin.measure(call, side, SUPERVISOR_HZ) for side in ("agent", "customer")
    }
    assert {side for side, level in levels.items() if level > HEARD} == hearing, levels
    assert {side for side, level in levels.items() if level < UNHEARD} == {
        "agent",
        "customer",
    } - hearing, levels
    assert await admin.measure(call, "agent", CUSTOMER_HZ) > HEARD
    assert await admin.measure(call, "customer", AGENT_HZ) > HEARD
    assert peer.level(SUPERVISOR_HZ) < -50, "no supervisor hears an echo"
    assert await admin.roster(call) == before, "barging shows nobody on a screen either"
    await box.driver.set_audience(handle, None)
    await asyncio.sleep(0.3)
    for side in hearing:
        assert await admin.measure(call, side, SUPERVISOR_HZ, seconds=0.2) < UNHEARD


async def test_a_call_that_speaks_is_heard_as_speech(box: Box, admin: Administrator) -> None:
    call = await admin.create_call(voices=True)
    _, peer = await box.join(call)
    await until(lambda: peer.frames >= 250, 20)
    heard = [await admin.measure(call, side, seconds=5) for side in ("agent", "customer")]
    assert max(heard) > -50
    click = await admin.do("click", call=call, party="customer")
    assert click["at"] == pytest.approx(time.monotonic(), abs=2)


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("agent", EndReason.AGENT_ENDED),
        ("customer", EndReason.CUSTOMER_ENDED),
        ("platform", EndReason.CALL_ENDED),
    ],
)
async def test_the_end_of_the_call_is_told_with_its_reason(
    box: Box, admin: Administrator, by: str, reason: EndReason
) -> None:
    took = []
    for _ in range(3):
        call = await admin.create_call()
        handle, _ = await box.join(call)
        await admin.do("end", call=call, by=by)
        known = time.monotonic()
        await until(lambda handle=handle: LegEnded(handle, reason) in box.events)  # type: ignore[misc]
        took.append(time.monotonic() - known)
        await until(lambda call=call: box.states(call)[-1] == "ended")  # type: ignore[misc]
        await no_legs(admin, call)
    assert statistics.median(took) < 0.2


async def test_leaving_ends_only_our_own_leg(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, _ = await box.join(call)
    await box.driver.leave(handle)
    await box.driver.leave(handle)
    assert await legs(admin, call) == []
    roster = await admin.roster(call)
    assert [notice["text"] for notice in roster["customer"]["notices"]] == ["connected"]
    await until(
        lambda: box.of(InteractionChanged)[-1].interaction.monitors[-1].ended_at is not None
    )
    assert box.states(call)[-1] == "in-conversation"
    assert not box.of(LegEnded)
    assert await box.driver.resume(handle) is False


async def test_the_platform_can_remove_a_supervisor(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, _ = await box.join(call)
    await admin.do("remove_supervisor", handle=handle)
    await until(lambda: LegEnded(handle, EndReason.REMOVED) in box.events)
    assert box.states(call)[-1] == "in-conversation"


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
        await box.driver.monitor(f"bad-{call}", call, "sue", offer)
    assert caught.value.code == "bad_offer"
    assert await legs(admin, call) == []


async def test_an_offer_with_more_than_audio_is_refused(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    peer = Peer()
    peer.connection.createDataChannel("more")
    with pytest.raises(PlatformError) as caught:
        await box.driver.monitor(f"more-{call}", call, "sue", await peer.offer())
    assert caught.value.code == "bad_offer"
    await peer.close()


async def test_a_receive_only_leg_hears_and_is_never_heard(
    centre: CentreProcess, admin: Administrator
) -> None:
    box = await connected(centre, leg_direction="recvonly")
    call = await admin.create_call()
    await admin.tone(call, "agent", AGENT_HZ)
    handle, peer = await box.join(call, direction="recvonly")
    await until(lambda: peer.level(AGENT_HZ) > HEARD)
    with pytest.raises(PlatformError) as caught:
        await box.driver.set_audience(handle, Audience.EVERYONE)
    assert caught.value.code == EndReason.NOT_PERMITTED
    await box.driver.set_audience(handle, None)
    await asyncio.sleep(4)
    assert await legs(admin, call), "its RTCP reports show that it is alive"
    assert await admin.uplink(handle) == []
    await box.close()


async def test_hold_and_transfer_are_told_and_the_leg_stays(box: Box, admin: Administrator) -> None:
    call = await admin.create_call(agent="agent-ada")
    _, peer = await box.join(call)
    await admin.do("hold", call=call)
    await admin.do("unhold", call=call)
    await admin.do("transfer", call=call, to="agent-grace", seconds=0.1)
    await until(
        lambda: (
            box.states(call)[-4:]
            == ["on-hold", "in-conversation", "transferring", "in-conversation"]
        )
    )
    interaction = box.of(InteractionChanged)[-1].interaction
    assert [agent.id for agent in interaction.agents] == ["agent-grace"]
    await admin.tone(call, "agent", AGENT_HZ)
    await until(lambda: peer.level(AGENT_HZ) > HEARD)
    names = [entry["name"] for entry in (await admin.roster(call))["customer"]["roster"]]
    assert names[0] == "Grace Lindqvist"
    assert not box.of(LegEnded)


async def test_the_centre_may_stop_sending_without_a_word(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, peer = await box.join(call)
    await until(lambda: peer.frames > 10)
    await admin.do("drop_media", handle=handle)
    await asyncio.sleep(0.3)
    frames = peer.frames
    await asyncio.sleep(0.5)
    assert peer.frames == frames
    assert peer.connection.connectionState == "connected"


async def test_a_leg_that_closes_is_removed(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, peer = await box.join(call)
    await peer.close()
    await until(lambda: LegEnded(handle, EndReason.MEDIA_LOST) in box.events)
    assert await legs(admin, call) == []


async def test_a_leg_that_vanishes_is_removed(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, peer = await box.join(call)
    transport = peer.connection.getSenders()[0].transport.transport

    async def lose(data: bytes) -> None:
        """The cable is cut."""

    vars(transport)["_send"] = lose
    await until(lambda: LegEnded(handle, EndReason.MEDIA_LOST) in box.events)


async def test_a_leg_that_never_connects_is_removed(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    peer = Peer()
    await box.driver.monitor("never", call, "sue", await peer.offer())
    await until(lambda: LegEnded("never", EndReason.MEDIA_LOST) in box.events)
    await peer.close()


async def test_a_lost_supervisor_has_a_while_to_come_back(
    centre: CentreProcess, admin: Administrator
) -> None:
    call = await admin.create_call()
    first = await connected(centre)
    handle, _ = await first.join(call)
    await first.driver.stop()
    second = await connected(centre)
    assert await second.driver.resume(handle) is True
    await asyncio.sleep(1.5)
    assert [leg["handle"] for leg in await legs(admin, call)] == [handle]
    await second.driver.set_audience(handle, Audience.AGENT)
    await second.driver.stop()
    await no_legs(admin, call)
    await first.close()
    await second.close()


async def test_a_reply_that_comes_late_leaves_no_leg_behind(
    centre: CentreProcess, admin: Administrator
) -> None:
    call = await admin.create_call()
    box = await connected(centre, request_timeout=0.5)
    await admin.do("slow", seconds=0.8)
    try:
        with pytest.raises(PlatformError) as caught:
            await box.join(call)
        assert caught.value.code == EndReason.PLATFORM_LOST
    finally:
        await admin.do("slow", seconds=0)
    await no_legs(admin, call)
    await box.close()


async def test_a_wrong_token_is_said_in_words(centre: CentreProcess) -> None:
    box = Box(SandboxDriver(centre.driver_settings(token="not-the-token")))
    await box.driver.start(box.events.append)
    await until(lambda: bool(box.events))
    await asyncio.sleep(0.5)
    (event,) = box.of(PlatformConnection)
    assert not event.connected
    assert "token" in event.detail
    assert "ready file" in event.detail
    with pytest.raises(PlatformError):
        await box.join("call-1")
    await box.close()


async def test_the_driver_outlives_the_centre(tmp_path: Path) -> None:
    centre = CentreProcess(tmp_path)
    await centre.start()
    box = await connected(centre)
    async with centre.administrator() as admin:
        call = await admin.create_call()
    handle, _ = await box.join(call)
    asked = asyncio.create_task(box.driver.set_audience(handle, Audience.AGENT))
    await asyncio.gather(asked, centre.kill(), return_exceptions=True)
    await until(lambda: not box.of(PlatformConnection)[-1].connected)
    await centre.start()
    await until(lambda: box.of(PlatformConnection)[-1].connected)
    await until(lambda: len(box.of(InteractionsSnapshot)) == 2)
    assert box.of(InteractionsSnapshot)[-1].interactions == ()
    assert box.of(LegEnded) == [LegEnded(handle, EndReason.PLATFORM_LOST)]
    lost = next(event for event in box.of(PlatformConnection) if not event.connected)
    assert lost.detail
    assert await centre.stop() == 0
    await box.close()


async def test_ten_thousand_interactions_come_in_one_snapshot(
    centre: CentreProcess, admin: Administrator, box: Box
) -> None:
    await admin.do("set_listed", n=10_000, changes_per_second=200)
    await until(lambda: len(box.of(InteractionChanged)) > 10_000)
    late = await connected(centre)
    (snapshot,) = late.of(InteractionsSnapshot)
    listed = [one for one in snapshot.interactions if one.id.startswith("listed-")]
    assert 9_900 <= len(listed) <= 10_000
    assert len({one.id for one in snapshot.interactions}) == len(snapshot.interactions)
    await until(lambda: len(late.of(InteractionChanged)) > 50)
    _, peer = await late.join(next(one.id for one in listed if one.monitorable))
    await until(lambda: peer.frames > 25)
    await admin.do("set_listed", n=0)
    await late.close()


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
    answer = await box.driver.monitor("local", call, "sue", await peer.offer())
    candidates = [line.split()[4] for line in answer.splitlines() if "candidate:" in line]
    assert set(candidates) == {"127.0.0.1"}
    await peer.close()


async def test_a_lively_centre_holds_transfers_and_ends_by_itself(tmp_path: Path) -> None:
    async with running_centre(tmp_path, lively=20, pace=100) as centre:
        box = await connected(centre)
        seen = {"ended", "on-hold", "transferring", "in-conversation"}
        await until(
            lambda: seen <= {event.interaction.state for event in box.of(InteractionChanged)}, 30
        )
        await box.close()
