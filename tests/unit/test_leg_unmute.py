"""How an un-mute or an open microphone ends without a press."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from appliance.control_link.states import HeadsetState
from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.table import OPUS
from appliance.leg.cues import Cue
from appliance.leg.receive.jitter import JitterBuffer
from appliance.leg.uplink.uplink import Spoken
from tests.support.button_box import Box, button_box
from tests.support.leg_parts import HERE


@pytest.fixture
async def box(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    async with button_box(monkeypatch) as box:
        yield box


async def test_unanswered_unmute_closes_and_asking_again_does_not_put_it_off(box: Box) -> None:
    box.monitor()
    first = box.leg.consent.prepare("control")
    for _ in range(12):
        await asyncio.sleep(0.05)
        if box.gate() is Gate.CLOSED:
            break
        assert box.leg.consent.prepare("control") == first
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()
    assert (box.tones(Cue.REFUSED), box.tones(Cue.FAULT)) == (0, 1)  # no sound, no frame


async def test_unmute_that_nobody_consents_to_is_refused(box: Box) -> None:
    box.monitor()
    box.leg.consent.prepare("control")
    assert not box.leg.gate.frame_ready()
    await asyncio.sleep(0.6)
    assert box.gate() is Gate.CLOSED
    assert (box.tones(Cue.REFUSED), box.tones(Cue.FAULT)) == (1, 0)


async def test_time_out_of_a_former_unmute_leaves_none_without(box: Box) -> None:
    """Two threads ask, and the loop hears of the first after it has heard of the second."""
    box.monitor()
    former = box.leg.consent.prepare("button")
    box.leg.gate.close("button")
    box.leg.consent.prepare("control")
    box.leg._soon(box.leg.consent._await, former)
    await asyncio.sleep(0.6)
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()


async def test_live_microphone_that_stops_is_muted(box: Box) -> None:
    box.monitor()
    box.headset.state = HERE.model_copy(update={"capturing": True})
    box.open()
    box.leg._headset_changed(box.headset.state)
    assert box.gate() is Gate.OPEN
    box.headset.state = HERE
    box.leg._headset_changed(box.headset.state)
    assert box.gate() is Gate.CLOSED


async def test_opening_waits_for_a_microphone_that_is_about_to_run(box: Box) -> None:
    box.monitor()
    box.leg.consent.prepare("button")
    box.leg._headset_changed(HERE)
    assert box.gate() is Gate.OPENING


async def test_unplugged_headset_mutes(box: Box) -> None:
    box.monitor()
    box.leg.consent.prepare("button")
    box.headset.state = HeadsetState()
    box.leg._headset_changed(box.headset.state)
    assert box.gate() is Gate.CLOSED


@pytest.mark.parametrize("reconnected", [False, True])
async def test_downlink_knows_while_the_supervisor_talks(box: Box, reconnected: bool) -> None:
    """From the press on: the delay must be short by the time that somebody answers."""
    stream = JitterBuffer()
    box.leg.downlink.connect(stream)
    box.monitor()
    box.leg.consent.prepare("button")
    await asyncio.sleep(0)
    assert stream.live
    if reconnected:
        stream = JitterBuffer()
        box.leg.downlink.connect(stream)
    box.open()
    await asyncio.sleep(0)
    assert stream.live
    box.leg.gate.close("button")
    await asyncio.sleep(0)
    assert not stream.live


async def test_what_is_kept_for_one_audience_is_not_sent_to_another(box: Box) -> None:
    """What was said to the agent alone, and waits to be sent, is wiped before others listen."""
    box.monitor()
    epoch = box.leg.consent.prepare("control")
    sink = box.leg._uplink
    speech = np.random.default_rng(1).normal(0, 3_000, 480).astype(np.int16)
    for _ in range(30):
        sink.push(speech, 0.0)
    box.leg.gate.consent(epoch, Audience.AGENT)
    sink.push(speech, 0.0)
    assert sink._pre_roll._count > 4_800
    assert box.leg.consent.prepare("control") == epoch
    assert sink._pre_roll._count == 0
    left: list[Spoken] = []
    sink.pass_on(OPUS, left.append)
    assert left == []
    assert box.gate() is Gate.OPEN
