"""What a bad line does shows in the figures: a real leg process and card, and a platform that
loses packets between its sender and the network.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import pytest
from aioice import ice

from appliance.control_link.commands import Join
from appliance.control_link.events import CallChanged, Quality
from appliance.control_link.quality import Rating
from appliance.control_link.words import Media
from tests.support.leg_rig import LegRig, leg_rig
from tests.support.peer import Peer


class BadLine:
    """The way from *peer* to the leg; *loses* says which packet does not arrive."""

    def __init__(self, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loses: Callable[[int], bool] = lambda number: False
        self._number = 0
        (transport,) = {sender.transport for sender in peer.connection.getSenders()}
        self._send = transport._send_rtp
        monkeypatch.setattr(transport, "_send_rtp", self._pass_on)

    async def _pass_on(self, data: bytes) -> None:
        if not 72 <= data[1] & 0x7F <= 76:  # else it is RTCP (RFC 5761)
            self._number += 1
            if self.loses(self._number):
                return
        await self._send(data)


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LegRig]:
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    async with leg_rig(tmp_path, interrupted_after_s=8.0, control_timeout_s=20.0) as rig:
        yield rig


async def called(rig: LegRig, direction: Literal["sendrecv", "recvonly"] = "sendrecv") -> Peer:
    peer = Peer()
    offer = await peer.offer()
    peer.track.hz = 440.0
    reply = await rig.link.request(
        lambda n: Join(id=n, session_id="s", offer=offer, direction=direction), limit_s=5
    )
    assert reply.sdp is not None
    await peer.accept(reply.sdp)
    await rig.until(CallChanged, lambda e: e.media is Media.CONNECTED)
    return peer


async def test_loss_on_the_line_shows_and_goes(
    rig: LegRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await called(rig)
    line = BadLine(peer, monkeypatch)
    clean = await rig.until(Quality, lambda e: e.lost_percent == 0 and e.rating is Rating.GOOD)
    assert clean.mouth_to_ear_ms is not None
    assert clean.mouth_to_ear_ms >= 20 + 6.5 + 40 + clean.delay_ms

    mark = len(rig.events)
    line.loses = lambda number: number % 3 == 0
    bad = await rig.until(Quality, lambda e: 25 <= (e.lost_percent or 0) <= 45, after=mark)
    assert bad.mos is not None
    assert clean.mos is not None
    assert bad.mos < clean.mos - 0.5
    assert bad.rating is not Rating.GOOD
    worse = await rig.until(Quality, lambda e: (e.concealed_percent or 0) > 20, after=mark)
    assert worse.lost > 0

    mark = len(rig.events)
    line.loses = lambda number: False
    again = await rig.until(
        Quality, lambda e: e.lost_percent == 0 and e.rating is Rating.GOOD, after=mark
    )
    assert again.session.mos_worst is not None
    assert again.session.mos_worst <= bad.mos
    assert again.session.mos is not None
    assert again.session.mos_worst < again.session.mos
    assert again.session.lost_percent is not None
    assert 0 < again.session.lost_percent < 50
    await peer.close()


async def test_hold_has_no_figures_and_leaves_no_stain(
    rig: LegRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await called(rig)
    await rig.until(Quality, lambda e: e.rating is Rating.GOOD)
    lost = [e.lost for e in rig.events if isinstance(e, Quality)][-1]
    mark = len(rig.events)
    resumed = asyncio.Event()
    speak, began = peer.track.recv, time.monotonic()

    async def held() -> object:
        await resumed.wait()
        return await speak()

    monkeypatch.setattr(peer.track, "recv", held)
    silent = await rig.until(Quality, lambda e: e.mos is None, after=mark)
    assert (silent.rating, silent.lost_percent, silent.mouth_to_ear_ms) == (None, None, None)

    await asyncio.sleep(1.0)
    # The sender's clock goes on meanwhile, as on a real platform.
    peer.track._number += round((time.monotonic() - began) / 0.02)
    mark = len(rig.events)
    resumed.set()
    after = await rig.until(Quality, lambda e: e.rating is Rating.GOOD, after=mark)
    assert after.lost == lost
    assert after.session.concealed_percent is not None
    assert after.session.concealed_percent < 15, "the hold counts as a gap"
    await peer.close()


async def test_round_trip_is_known_where_we_send(rig: LegRig) -> None:
    peer = await called(rig)
    known = await rig.until(Quality, lambda e: e.round_trip_ms is not None)
    assert known.round_trip_ms is not None
    assert 0 <= known.round_trip_ms < 1_000
    assert known.mouth_to_ear_ms is not None
    assert known.mouth_to_ear_ms >= known.delay_ms + known.round_trip_ms / 2
    await peer.close()


async def test_round_trip_of_a_leg_that_only_listens_is_not_known(rig: LegRig) -> None:
    peer = await called(rig, "recvonly")
    await rig.until(Quality, lambda e: e.received > 200)
    figures = [e for e in rig.events if isinstance(e, Quality)]
    assert {e.round_trip_ms for e in figures} == {None}
    assert figures[-1].mos is not None
    assert figures[-1].mouth_to_ear_ms is not None
    await peer.close()
