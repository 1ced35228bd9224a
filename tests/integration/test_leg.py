"""Button → gate → packets → what agent and customer hear: real card and connection, no control."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from appliance.audio.levels import dbfs, tone_dbfs
from appliance.control_link.client import LegError
from appliance.control_link.commands import CloseGate, HangUp, OpenGate, PrepareGate, RefuseGate
from appliance.control_link.events import (
    CallChanged,
    HeadsetChanged,
    Pressed,
    UnmuteRequested,
)
from appliance.control_link.words import (
    Action,
    Audience,
    Button,
    EndReason,
    Gate,
    LampPattern,
    Media,
)
from appliance.leg.codecs.opus import FRAME
from appliance.panel.patterns import Lamp
from tests.support.leg_rig import LegRig, LinkedLeg, leg_rig
from tests.support.microphone import decoded

HERTZ = 997.0
BEFORE = 2_503.0
SILENT = -80.0
AUDIBLE = -40.0
TRACE = -25.0
"""In 20 ms of other sound, of a tone that was played at −6 dBFS."""
PAYLOAD = 5


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[LegRig]:
    async with leg_rig(tmp_path, control_timeout_s=2.0, media_timeout_s=3.0) as rig:
        yield rig


def loud_tone(hertz: float = HERTZ) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    time = np.arange(48_000) / 48_000
    return (np.sin(2 * np.pi * hertz * time) * 16_000).astype(np.int16)


async def levels(rig: LegRig, call: str, hertz: float = HERTZ) -> dict[str, float]:
    return {side: await rig.admin.measure(call, side, hertz) for side in ("agent", "customer")}


async def test_muted_is_silence_and_unmuted_is_heard(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    rig.card.play(loud_tone())
    before = await rig.admin.roster(call)
    session = await rig.join(call)
    await asyncio.sleep(1.2)
    packets = await rig.admin.uplink(session)
    assert len(packets) > 40
    assert all(packet[4] for packet in packets), "an uplink payload was not the silence frame"
    assert max((await levels(rig, call)).values()) < SILENT

    await rig.tap(Button.MICROPHONE)
    asked = await rig.until(UnmuteRequested)
    await rig.consent(session)
    await rig.link.request(lambda n: OpenGate(id=n, session_id=session, epoch=asked.epoch))
    async with asyncio.timeout(15):  # the card and the mixer need a second without a disturbance
        while min((await levels(rig, call)).values()) <= AUDIBLE:
            await asyncio.sleep(0.1)
    async with asyncio.timeout(15):
        while any(p[4] for p in (await rig.admin.uplink(session))[-20:]):
            await asyncio.sleep(0.1)  # a frame of the microphone came too late

    mark = len(rig.events)
    pressed = await rig.tap(Button.MICROPHONE)
    await rig.gate(Gate.CLOSED, after=mark)
    async with asyncio.timeout(15):  # what is measured is the last second
        while max((await levels(rig, call)).values()) >= SILENT:
            await asyncio.sleep(0.1)
    last_audible = max(p[0] for p in await rig.admin.uplink(session) if not p[4])
    assert last_audible - pressed < 0.5
    assert await rig.admin.roster(call) == before
    presses = [e.press.action for e in rig.events if isinstance(e, Pressed)]
    assert presses == [Action.UNMUTE_ASKED, Action.MUTED]


async def test_what_is_said_while_consent_is_awaited_is_sent_and_what_was_said_before_is_not(
    tmp_path: Path,
) -> None:
    async with leg_rig(tmp_path, pre_roll_ms=1000, consent_timeout_s=8.0) as rig:
        call = await rig.admin.create_call()
        session = await rig.join(call)
        rig.card.play(loud_tone(BEFORE))
        await asyncio.sleep(0.8)
        rig.card.hush()
        await asyncio.sleep(0.3)  # what is in the card's buffers is heard to the end
        await rig.tap(Button.MICROPHONE)
        asked = await rig.until(UnmuteRequested)
        rig.card.play(loud_tone()[: 48_000 // 5], loop=False)
        await asyncio.sleep(0.5)
        packets = await rig.admin.uplink(session)
        assert all(packet[4] for packet in packets), "sent before consent"
        await rig.consent(session)
        await rig.link.request(lambda n: OpenGate(id=n, session_id=session, epoch=asked.epoch))
        async with asyncio.timeout(10):
            while loudest(pieces := await spoken_pieces(rig, session), HERTZ) < AUDIBLE:
                await asyncio.sleep(0.05)
    assert loudest(pieces, BEFORE) < TRACE


def loudest(pieces: list[np.ndarray[tuple[int], np.dtype[np.int16]]], hertz: float) -> float:
    return max((tone_dbfs(piece, hertz) for piece in pieces), default=-100.0)


async def spoken_pieces(
    rig: LegRig, session: str
) -> list[np.ndarray[tuple[int], np.dtype[np.int16]]]:
    """All that the leg has said, 20 ms at a time."""
    packets = await rig.admin.uplink(session, payloads=True)
    heard = decoded([bytes.fromhex(packet[PAYLOAD]) for packet in packets])
    return [heard[at : at + FRAME] for at in range(0, len(heard), FRAME)]


async def test_coach_reaches_the_agent_alone(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    rig.card.play(loud_tone())
    session = await rig.join(call)
    reply = await rig.link.request(lambda n: PrepareGate(id=n, session_id=session))
    await rig.consent(session, Audience.AGENT)
    assert reply.epoch is not None
    epoch = reply.epoch
    await rig.link.request(
        lambda n: OpenGate(id=n, session_id=session, epoch=epoch, audience=Audience.AGENT)
    )
    await asyncio.sleep(1.3)
    heard = await levels(rig, call)
    assert heard["agent"] > AUDIBLE
    assert heard["customer"] < SILENT


async def test_call_is_heard_in_the_headset(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    await rig.join(call)
    await asyncio.sleep(0.8)
    await rig.admin.tone(call, "customer", 440.0)
    await asyncio.sleep(0.5)
    with rig.card.tap_ear() as ear:
        audio = await asyncio.to_thread(ear.record, 1.0)
    assert dbfs(audio) > -35


async def test_microphone_does_not_run_while_muted(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    session = await rig.join(call)
    assert not any(e.headset.capturing for e in rig.events if isinstance(e, HeadsetChanged))
    reply = await rig.link.request(lambda n: PrepareGate(id=n, session_id=session))
    await rig.until(HeadsetChanged, lambda e: e.headset.capturing)
    mark = len(rig.events)
    assert reply.epoch is not None
    await rig.link.request(lambda n: CloseGate(id=n, session_id=session))
    await rig.until(HeadsetChanged, lambda e: not e.headset.capturing, after=mark)


async def test_consent_after_a_second_press_opens_nothing(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    session = await rig.join(call)
    await rig.tap(Button.MICROPHONE)
    asked = await rig.until(UnmuteRequested)
    await asyncio.sleep(0.05)  # sooner, it would be the first press's bounce
    await rig.tap(Button.MICROPHONE)
    with pytest.raises(LegError) as refused:
        await rig.link.request(lambda n: OpenGate(id=n, session_id=session, epoch=asked.epoch))
    assert refused.value.code == "stale"
    assert all(packet[4] for packet in await rig.admin.uplink(session))


async def test_refused_unmute_closes_with_a_tone(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    session = await rig.join(call)
    await asyncio.sleep(0.6)
    with rig.panel() as panel, rig.card.tap_ear() as ear:
        await asyncio.to_thread(panel.tap, Button.MICROPHONE, 60)
        asked = await rig.until(UnmuteRequested)
        await rig.link.request(lambda n: RefuseGate(id=n, session_id=session, epoch=asked.epoch))
        audio = await asyncio.to_thread(ear.record, 0.7)
        lamp = panel.lamp(Lamp.MICROPHONE)
    assert dbfs(audio) > -50
    assert lamp is not None
    assert lamp.pattern is LampPattern.SLOW_BREATHE


async def test_hang_up_button_leaves_only_our_leg(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    session = await rig.join(call)
    await rig.tap(Button.HANG_UP)
    assert await rig.ended(session) is EndReason.HUNG_UP
    await rig.driver.leave(session)
    assert (await rig.admin.do("legs"))["legs"] == []
    assert await rig.admin.measure(call, "agent") <= 0  # the call is still there


async def test_platform_that_falls_silent_is_told_as_lost_and_connected_again(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    session = await rig.join(call)
    await rig.admin.do("drop_media", handle=session)
    await rig.until(CallChanged, lambda e: e.media is Media.LOST)
    await rig.driver.leave(session)
    mark = len(rig.events)
    fresh = LinkedLeg(rig.link, session, again=True)
    await rig.driver.monitor("fresh", call, "supervisor", fresh)
    await rig.until(CallChanged, lambda e: e.media is Media.CONNECTED, after=mark)
    async with asyncio.timeout(10):
        while len(packets := await rig.admin.uplink("fresh")) < 20:
            await asyncio.sleep(0.05)
    assert all(packet[4] for packet in packets), "an uplink payload was not the silence frame"
    await rig.link.request(lambda n: HangUp(id=n, session_id=session, reason=EndReason.MEDIA_LOST))
    assert await rig.ended(session) is EndReason.MEDIA_LOST


async def test_leg_without_control_hangs_up_and_the_button_still_mutes(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    session = await rig.join(call)
    reply = await rig.link.request(lambda n: PrepareGate(id=n, session_id=session))
    await rig.consent(session)
    epoch = reply.epoch
    assert epoch is not None
    await rig.link.request(lambda n: OpenGate(id=n, session_id=session, epoch=epoch))
    await rig.link.stop()
    with rig.panel() as panel:
        panel.wait_for(Lamp.MICROPHONE, LampPattern.ON)
        await asyncio.to_thread(panel.tap, Button.MICROPHONE, 60)
        panel.wait_for(Lamp.MICROPHONE, LampPattern.SLOW_BREATHE)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(panel.tap, Button.MICROPHONE, 60)
        panel.wait_for(Lamp.MICROPHONE, LampPattern.OFF)  # hung up
    rig.events.clear()
    rig.link.start()
    snapshot = await rig.until_snapshot()
    assert snapshot.last_ended is not None
    assert snapshot.last_ended.session_id == session
    assert snapshot.last_ended.reason is EndReason.CONTROL_LOST
    assert [p.action for p in snapshot.presses][-2:] == [Action.MUTED, Action.UNMUTE_REFUSED]


async def test_headset_unplugged_and_back_in_a_call(rig: LegRig) -> None:
    call = await rig.admin.create_call()
    rig.card.play(loud_tone())
    session = await rig.join(call)
    reply = await rig.link.request(lambda n: PrepareGate(id=n, session_id=session))
    epoch = reply.epoch
    assert epoch is not None
    await rig.consent(session)
    await rig.link.request(lambda n: OpenGate(id=n, session_id=session, epoch=epoch))
    mark = len(rig.events)
    await asyncio.to_thread(rig.card.unplug)
    await rig.gate(Gate.CLOSED, after=mark)
    await rig.until(HeadsetChanged, lambda e: not e.headset.present, after=mark)
    with pytest.raises(LegError) as refused:
        await rig.link.request(lambda n: PrepareGate(id=n, session_id=session))
    assert refused.value.code == "headset_lost"
    mark = len(rig.events)
    await asyncio.to_thread(rig.card.replug)
    await rig.until(HeadsetChanged, lambda e: e.headset.playing, after=mark)
    await rig.admin.tone(call, "customer", 440.0)
    await asyncio.sleep(0.6)
    with rig.card.tap_ear() as ear:
        audio = await asyncio.to_thread(ear.record, 0.5)
    assert dbfs(audio) > -35
    await rig.link.request(lambda n: HangUp(id=n, session_id=session, reason=EndReason.HUNG_UP))
