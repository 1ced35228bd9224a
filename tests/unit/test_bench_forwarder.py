"""The sound bench's forwarder: what a real receiver gets is what the made-up network says."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiortc.rtp import RtpPacket

from appliance.leg.peer import Peer
from appliance.platforms.protocol import LegNeeds
from appliance.webrtc import tap_receiver
from tests.bench.sound.forwarder import after_gap, deliveries, play, shots
from tests.bench.sound.line import Line
from tests.bench.sound.network import Scenario, noise, outage, stalls
from tests.bench.sound.sending import Packets
from tests.support.own_leg import OwnLeg
from tests.support.waiting import eventually

PACKETS: Packets = [bytes([0xF8, number]) for number in range(100)]
LIMIT_S = 20.0


def test_the_same_seed_gives_every_receiver_the_same_network() -> None:
    scenario = Scenario("rough", noise(0.2, 0.06))
    assert deliveries(scenario, PACKETS, "1") == deliveries(scenario, PACKETS, "1")
    assert deliveries(scenario, PACKETS, "1") != deliveries(scenario, PACKETS, "2")


def test_lost_packets_leave_gaps_and_unsent_ones_do_not() -> None:
    lossy = deliveries(Scenario("loss", noise(0.3)), PACKETS, "1")
    assert [one.number for one in lossy] == [one.index + 1 for one in lossy]
    assert len(lossy) < len(PACKETS)
    paused: Packets = [None if 10 <= i < 20 else payload for i, payload in enumerate(PACKETS)]
    sent = deliveries(Scenario("clean", noise()), paused, "1")
    assert [one.number for one in sent] == list(range(1, 91))
    assert [one.index for one in sent if one.first] == [0, 20]


def test_what_a_stall_holds_comes_at_once_and_in_order() -> None:
    arriving = deliveries(Scenario("stall", stalls(1.0, 0.2)), PACKETS, "1")
    assert [one.index for one in arriving] == list(range(100))
    assert len({round(one.at, 6) for one in arriving}) < 100


def test_the_end_of_an_outage_is_found() -> None:
    arriving = deliveries(Scenario("outage", outage(0.3, 0.5)), PACKETS, "1")
    back = after_gap(arriving)
    assert 0.8 < back < 1.83
    assert not any(back - 0.5 < one.at < back for one in arriving)


@pytest.mark.usefixtures("only_loopback", "aiortc_may_wait")
async def test_a_real_receiver_gets_the_packets_in_the_network_s_order() -> None:
    scenario = Scenario("rough", noise(0.1, 0.06), new_source=True)
    arriving = deliveries(scenario, PACKETS, "1")
    line, peer = Line(), Peer(None, "recvonly", [], lambda: None)
    got: list[RtpPacket] = []
    try:
        answer = await peer.answer(await line.offer())
        tap_receiver(peer._connection.getReceivers()[0], got.append)
        await line.accept(answer)
        begun = time.monotonic()
        schedule = list(shots(line, PACKETS, arriving, 0.0, "1"))
        await play(schedule, begun)
        taken = time.monotonic() - begun
        async with asyncio.timeout(LIMIT_S):
            while len(got) < len(arriving):
                await asyncio.sleep(0.01)
    finally:
        await peer.close()
        await line.close()
    assert [packet.payload for packet in got] == [PACKETS[one.index] for one in arriving]
    first = [packet for packet in got if packet.ssrc == got[0].ssrc]
    assert {packet.sequence_number - first[0].sequence_number for packet in first} == {
        one.number - arriving[0].number for one in arriving if not one.later
    }
    assert len({packet.ssrc for packet in got}) == 2
    assert taken >= arriving[-1].at


@pytest.mark.usefixtures("only_loopback", "aiortc_may_wait")
async def test_who_sends_without_a_sound_is_not_taken_for_a_talker() -> None:
    line, leg = Line(), OwnLeg(LegNeeds(direction="sendrecv"), 500.0)
    try:
        await line.accept(await leg.answer(await line.offer(listens=True)))
        await eventually(lambda: leg.track.sent > 20)
        assert line.spoken == 0
        leg.unmute()
        await eventually(lambda: line.spoken > 20)
    finally:
        await leg.close()
        await line.close()
