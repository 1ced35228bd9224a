"""The leg behind a firewall: all its packets go over a real relay (coturn, TURN)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aioice import ice

from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.opus import FRAME
from appliance.leg.peer import Peer
from appliance.webrtc import OPUS_SILENCE, path_answers
from tests.support.microphone import tone
from tests.support.turn_server import turn_server
from tests.support.uplink_line import Line
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("aiortc_may_wait")


class RelayedLine(Line):
    """The leg has no address of its own: only what the relay lends it."""

    async def connect(self, *, with_level: bool = True, lose_every: int = 0) -> None:
        own, described = ice.get_host_addresses, self.peer.offer

        async def offer() -> str:
            vars(ice)["get_host_addresses"] = lambda use_ipv4, use_ipv6: []
            try:
                return await described()
            finally:
                vars(ice)["get_host_addresses"] = own

        vars(self.peer)["offer"] = offer
        await super().connect(with_level=with_level, lose_every=lose_every)

    @property
    def relay(self) -> Any:
        """aioice's client of it."""
        (sender,) = self.peer._connection.getSenders()
        (pair,) = sender.transport.transport._connection._nominated.values()
        assert pair.local_candidate.type == "relay"
        return vars(pair.protocol.transport)["_TurnTransport__inner_protocol"]

    def push(self, number: int) -> None:
        self.box.uplink.push(tone(500.0, FRAME, number * FRAME), 0.0)


@pytest.fixture(params=["udp", "tcp"])
async def line(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RelayedLine]:
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    async with turn_server(tmp_path, request.param) as server:
        line = RelayedLine()
        line.peer = Peer(line.track, "sendonly", [server], lambda: None)
        await line.connect()
        yield line
        await line.close()


async def test_speech_arrives_over_a_relay_and_none_after_a_mute(line: RelayedLine) -> None:
    gate = line.box.gate
    for _ in range(5):
        gate.consent(gate.prepare("button"), Audience.EVERYONE)
        before = len(line.spoken())
        for number in range(5):
            await asyncio.to_thread(line.push, number)
            await eventually(lambda n=before + number: len(line.spoken()) > n)  # type: ignore[misc]
        speaking = threading.Thread(target=line.push, args=(5,))
        speaking.start()
        speaking.join(10)  # what it gave waits for the loop
        assert gate.close("button") is Gate.OPEN
        shut = len(line.taken)
        await eventually(lambda shut=shut: len(line.taken) > shut + 8)  # type: ignore[misc]
        assert {packet.payload for packet in line.taken[shut:]} == {OPUS_SILENCE}
    assert line.relay is not None


async def test_speech_does_not_wait_for_the_channel_to_be_bound_anew(line: RelayedLine) -> None:
    """aioice does that every few minutes, with the next packet, and lets all others wait."""
    gate, relay = line.box.gate, line.relay
    gate.consent(gate.prepare("button"), Audience.EVERYONE)
    binds: list[int] = []
    bound = asyncio.Event()

    async def bind(channel: int, address: tuple[str, int]) -> None:
        binds.append(channel)
        await bound.wait()

    vars(relay)["channel_bind"] = bind
    relay.channel_refresh_at = dict.fromkeys(relay.channel_refresh_at, 0.0)
    await eventually(lambda: bool(binds))  # with RTCP, once a second
    before = len(line.spoken())
    for number in range(10):
        await asyncio.to_thread(line.push, number)
        await eventually(lambda n=before + number: len(line.spoken()) > n)  # type: ignore[misc]
    bound.set()
    async with asyncio.timeout(10):  # one question may be lost
        while not await path_answers(line.peer._connection):
            await asyncio.sleep(0.05)
