"""The leg begins anew with what was chosen on the page, and never in a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.control_link.client import LegError
from appliance.control_link.commands import HangUp, ListHeadsets, Renew
from appliance.control_link.events import Snapshot
from appliance.control_link.words import EndReason
from appliance.provisioning.chosen import ChosenFile, ChosenSettings, PanelPart
from tests.support.leg_rig import LegRig, leg_rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[LegRig]:
    async with leg_rig(tmp_path) as rig:
        yield rig


async def test_it_is_refused_in_a_call_and_done_in_idle(rig: LegRig) -> None:
    first = await rig.until_snapshot()
    assert first.chosen is not None
    assert first.chosen.push_to_talk is False
    call = await rig.admin.create_call()
    session = await rig.join(call)
    with pytest.raises(LegError) as refused:
        await rig.link.request(lambda n: Renew(id=n))
    assert refused.value.code == "busy"
    before = len(await rig.admin.uplink(session))
    await asyncio.sleep(1.2)
    packets = await rig.admin.uplink(session)
    assert len(packets) > before + 40
    assert all(packet[4] for packet in packets), "an uplink payload was not the silence frame"
    assert rig.leg.starts == 1
    await rig.link.request(lambda n: HangUp(id=n, session_id=session, reason=EndReason.HUNG_UP))
    await rig.ended(session)

    chosen = ChosenFile.beside(rig.directory / "bargebox.toml")
    wanted = ChosenSettings(panel=PanelPart(push_to_talk=True))
    await asyncio.to_thread(chosen.write, wanted)
    mark = len(rig.events)
    await rig.link.request(lambda n: Renew(id=n))
    second = await rig.until(Snapshot, after=mark)
    assert second.leg_id != first.leg_id
    assert second.chosen is not None
    assert second.chosen.push_to_talk is True
    assert rig.leg.starts == 2
    reply = await rig.link.request(lambda n: ListHeadsets(id=n))
    assert reply.headsets is not None
