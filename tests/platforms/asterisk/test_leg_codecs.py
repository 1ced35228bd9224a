"""The box's own leg at a real Asterisk that allows it one codec only: heard, and provably muted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.control_link.words import Audience
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.table import G722, OPUS, PCMA, PCMU
from tests.platforms.asterisk.site import AsteriskSite, asterisk_site
from tests.platforms.asterisk.spying_site import SpyingSite
from tests.platforms.desk import Desk, desk_at, new_handle
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS
from tests.support.own_leg import OwnLeg

AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ = 500.0, 1200.0, 2100.0
SETTLED_S = 1.3
LATE_S = 3.0
"""A busy machine's Asterisk may have some speech on its way still; no packet of ours has."""
OFFSET_DBFS = -70.0
"""What an offset, which G.722's silence keeps of former speech, comes to in a measured tone."""
ALLOWED = {"opus": OPUS, "g722": G722, "ulaw": PCMU, "alaw": PCMA}


@pytest.mark.usefixtures("aiortc_may_wait")
@pytest.mark.parametrize("kind", [AsteriskSite, SpyingSite], ids=["it offers", "we offer"])
@pytest.mark.parametrize("allowed", ALLOWED)
async def test_leg_listens_barges_in_and_is_silent_in_this_codec(
    tmp_path: Path, allowed: str, kind: type[AsteriskSite]
) -> None:
    async with (
        asterisk_site(tmp_path, kind, leg_codecs=allowed) as site,
        desk_at(site) as desk,
    ):
        await _monitor(site, desk, ALLOWED[allowed])


async def _monitor(site: AsteriskSite, desk: Desk, codec: Codec) -> None:
    call = await site.call()
    await desk.lists(call.id)
    handle, leg = new_handle(), OwnLeg(desk.driver.leg, SUPERVISOR_HZ)
    try:
        await desk.driver.monitor(handle, call.id, "sue", leg)
        await call.agent.tone(AGENT_HZ)
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: min(leg.level(AGENT_HZ), leg.level(CUSTOMER_HZ)) > HEARD_DBFS)
        assert leg.track.codec is codec
        assert leg.peer.streams[0].stats.unknown == leg.peer.streams[0].stats.malformed == 0
        for party in (call.agent, call.customer):
            await party.tone(None)

        await desk.driver.set_audience(handle, Audience.EVERYONE)
        await asyncio.sleep(SETTLED_S)
        for party in (call.agent, call.customer):
            assert await party.level(SUPERVISOR_HZ) < SILENT_DBFS, "muted by the gate alone"
        leg.unmute()
        await asyncio.sleep(SETTLED_S)
        for party in (call.agent, call.customer):
            assert await party.level(SUPERVISOR_HZ) > HEARD_DBFS
        leg.mute()
        await asyncio.sleep(SETTLED_S)
        for party in (call.agent, call.customer):
            silent = OFFSET_DBFS if codec is G722 else SILENT_DBFS
            async with asyncio.timeout(LATE_S):
                while await party.level(SUPERVISOR_HZ) >= silent:
                    pass
        await desk.driver.leave(handle)
    finally:
        await leg.close()
