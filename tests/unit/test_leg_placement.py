"""Agent to the left, customer to the right: by gains, through the downlink, and in a real call."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray

from appliance.audio.levels import tone_dbfs
from appliance.control_link.words import Party
from appliance.leg.codecs.opus import FRAME, Encoder
from appliance.leg.ear.downlink import Downlink
from appliance.leg.ear.placement import MIDDLE, SHARES, Placement, seats
from appliance.leg.receive.jitter import JitterBuffer
from appliance.leg.settings import LegSettings
from tests.support.leg_box import leg_box
from tests.support.peer import ToneTrack

AGENT_HZ, CUSTOMER_HZ = 500.0, 1_500.0
AGENT, CUSTOMER = Party.AGENT, Party.CUSTOMER


def decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


# -- the gains


@pytest.mark.parametrize("placement", SHARES)
def test_every_seat_has_the_same_power(placement: Placement) -> None:
    for left, right in seats([AGENT, CUSTOMER, AGENT, None, CUSTOMER, AGENT, AGENT], placement):
        assert left**2 + right**2 == pytest.approx(2)


def test_sides() -> None:
    (a_left, a_right), (c_left, c_right) = seats([AGENT, CUSTOMER], "partial")
    assert a_left**2 / 2 == pytest.approx(0.7)
    assert (a_left, a_right) == pytest.approx((c_right, c_left))
    agent, customer = seats([AGENT, CUSTOMER], "full")
    assert agent == pytest.approx((2**0.5, 0))
    assert customer == pytest.approx((0, 2**0.5))
    assert seats([AGENT, CUSTOMER, None], "off") == [MIDDLE] * 3


def test_one_who_is_not_known_sits_in_the_middle_and_many_sit_apart() -> None:
    assert seats([None, None], "full") == [MIDDLE, MIDDLE]
    agents = seats([AGENT] * 3, "full")
    assert len({round(left, 3) for left, _ in agents}) == 3, "two agents in one seat"
    assert all(left > right for left, right in agents)
    assert seats([AGENT] * 20, "full")[-1] == pytest.approx(agents[2])


# -- through the downlink


def tone_buffer(hertz: float, phase: float = 0.0) -> JitterBuffer:
    """A tone of -26 dBFS, 0.9 s in store."""
    encoder = Encoder(40_000, 5, 10)
    wave = np.sin(2 * np.pi * hertz * np.arange(45 * FRAME) / 48_000 + phase) * 32_767 / 20
    buffer = JitterBuffer()
    for i in range(45):
        packet = encoder.encode(wave[i * FRAME : (i + 1) * FRAME].astype(np.int16))
        buffer.put(1, i * FRAME, packet, i * 0.02)
    return buffer


def two_parties(placement: Placement, *parties: Party | None) -> Downlink:
    downlink = Downlink(LegSettings(volume=100, levelling=False, placement=placement))
    downlink.connect(tone_buffer(AGENT_HZ), tone_buffer(CUSTOMER_HZ), parties=parties)
    downlink.pull(4_800, 2)
    return downlink


def apart(block: NDArray[np.int16], hertz: float) -> float:
    """How much louder the tone is on the left, in dB."""
    return tone_dbfs(block[:, 0], hertz) - tone_dbfs(block[:, 1], hertz)


@pytest.mark.parametrize(("placement", "difference"), [("off", 0.0), ("partial", decibels(7 / 3))])
def test_parties_are_heard_from_their_sides(placement: Placement, difference: float) -> None:
    block = two_parties(placement, AGENT, CUSTOMER).pull(9_600, 2)
    assert apart(block, AGENT_HZ) == pytest.approx(difference, abs=0.3)
    assert apart(block, CUSTOMER_HZ) == pytest.approx(-difference, abs=0.3)


def test_full_placement_keeps_each_in_one_ear() -> None:
    block = two_parties("full", AGENT, CUSTOMER).pull(9_600, 2)
    assert apart(block, AGENT_HZ) > 35
    assert apart(block, CUSTOMER_HZ) < -35


def test_parties_that_are_not_told_are_in_the_middle() -> None:
    block = two_parties("full").pull(9_600, 2)
    assert (block[:, 0] == block[:, 1]).all()


@pytest.mark.parametrize("placement", SHARES)
def test_headset_with_one_ear_hears_both_alike(placement: Placement) -> None:
    downlink = two_parties(placement, AGENT, CUSTOMER)
    both = downlink.pull(9_600, 2)
    one = downlink.pull(9_600, 1)
    assert one.shape == (9_600, 1)
    for hertz in (AGENT_HZ, CUSTOMER_HZ):
        level = tone_dbfs(one[4_800:, 0], hertz)
        assert level == pytest.approx(-26, abs=0.3), "placing has made it louder or softer"
        power = sum(10 ** (tone_dbfs(both[:, side], hertz) / 10) for side in (0, 1)) / 2
        assert level == pytest.approx(decibels(power), abs=0.3)


def test_who_moves_moves_without_a_click() -> None:
    downlink = Downlink(LegSettings(volume=100, levelling=False, placement="full"))
    buffer = tone_buffer(AGENT_HZ)
    blocks = []
    for party in (None, AGENT, CUSTOMER, AGENT, None):
        downlink.connect(buffer, parties=[party])
        blocks.append(downlink.pull(4_800, 2))
    audio = np.concatenate(blocks)[4_800:].astype(np.float64)
    assert np.abs(np.diff(audio, 2, axis=0)).max() < 40  # the tone has 10, a step of its peak 1,600
    assert apart(blocks[1][2_400:], AGENT_HZ) > 35
    assert apart(blocks[2][2_400:], AGENT_HZ) < -35


# -- in a real call, by the names of its lines


async def test_lines_of_a_call_are_placed_by_their_mids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with leg_box(tmp_path, monkeypatch) as box:
        control = await box.connect()
        far = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for hertz in (AGENT_HZ, CUSTOMER_HZ):
            track = ToneTrack()
            track.hz = hertz
            far.addTransceiver(track, direction="sendonly")
        await far.setLocalDescription()
        try:
            joined = await control.ask(
                "join", session_id="s", offer=far.localDescription.sdp, direction="recvonly"
            )
            await far.setRemoteDescription(RTCSessionDescription(joined["sdp"], "answer"))
            mids = [line.mid for line in far.getTransceivers()]
            assert len(set(mids)) == 2
            placed = await control.ask(
                "place", session_id="s", parties=dict(zip(mids, (AGENT, CUSTOMER), strict=True))
            )
            assert placed["ok"]
            assert await heard_apart(box.leg.downlink, AGENT_HZ, CUSTOMER_HZ)
            swapped = await control.ask(
                "place", session_id="s", parties=dict(zip(mids, (CUSTOMER, AGENT), strict=True))
            )
            assert swapped["ok"]
            assert await heard_apart(box.leg.downlink, CUSTOMER_HZ, AGENT_HZ)
            stranger = await control.ask("place", session_id="other", parties={})
            assert stranger["code"] == "no_such_call"
        finally:
            await far.close()


async def heard_apart(downlink: Downlink, left_hz: float, right_hz: float) -> bool:
    """Whether soon one tone is more on the left and the other more on the right."""
    for _ in itertools.repeat(None, 1_500):
        await asyncio.sleep(0.01)
        block = downlink.pull(480, 2)
        heard = tone_dbfs(block[:, 0], left_hz) > -50 and tone_dbfs(block[:, 1], right_hz) > -50
        if heard and apart(block, left_hz) > 2.5 and apart(block, right_hz) < -2.5:
            return True
    return False
