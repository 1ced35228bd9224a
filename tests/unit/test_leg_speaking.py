"""A leg that listens over one connection and speaks over another, and hears a line a party."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

from appliance.control_link.words import Audience, Gate, Media
from appliance.webrtc import OPUS_SILENCE, tap_receiver
from tests.support.leg_box import Box
from tests.support.peer import ToneTrack
from tests.support.raw_control import Control


class Mixer:
    """A platform that sends a line a party and takes ours elsewhere."""

    def __init__(self) -> None:
        self.sending = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.taking = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.parties = [ToneTrack(), ToneTrack()]
        self.taken: list[bytes] = []

    async def offer(self) -> str:
        for party in self.parties:
            self.sending.addTransceiver(party, direction="sendonly")
        await self.sending.setLocalDescription()
        return self.sending.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.sending.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def take(self, offer: str) -> str:
        await self.taking.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        tap_receiver(self.taking.getReceivers()[0], self._took)
        await self.taking.setLocalDescription()
        return self.taking.localDescription.sdp

    def _took(self, packet: RtpPacket) -> None:
        self.taken.append(packet.payload)

    async def close(self) -> None:
        await self.sending.close()
        await self.taking.close()


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


@pytest.fixture
async def mixer() -> AsyncIterator[Mixer]:
    mixer = Mixer()
    yield mixer
    await mixer.close()


async def listening(box: Box, mixer: Mixer) -> Control:
    control = await box.connect()
    joined = await control.ask(
        "join",
        session_id="s",
        offer=await mixer.offer(),
        direction="recvonly",
        speaks_apart=True,
    )
    await mixer.accept(joined["sdp"])
    assert (await control.next("call_changed"))["media"] == "connected"
    return control


async def speaking(control: Control, mixer: Mixer) -> None:
    offered = await control.ask("speak", session_id="s")
    answer = await mixer.take(offered["sdp"])
    answered = await control.ask("answer", session_id="s", sdp=answer, speaking=True)
    assert answered["ok"], answered


async def leave(control: Control) -> None:
    await control.ask("hang_up", session_id="s", reason="hung_up")


async def test_both_parties_are_heard_mixed(box: Box, mixer: Mixer) -> None:
    control = await listening(box, mixer)
    mixer.parties[0].hz, mixer.parties[1].hz = 500.0, 1500.0
    await asyncio.sleep(0.6)
    heard = np.concatenate([box.leg.downlink.pull(480, 1)[:, 0] for _ in range(20)])
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    step = 48_000 / len(heard)
    floor = float(np.median(power))
    assert power[round(500 / step)] > 100 * floor
    assert power[round(1500 / step)] > 100 * floor
    await leave(control)


async def test_nothing_opens_before_there_is_a_way_to_speak(box: Box, mixer: Mixer) -> None:
    control = await listening(box, mixer)
    epoch = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    opened = await control.ask("open_gate", session_id="s", epoch=epoch)
    assert opened["code"] == "not_connected"
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()
    await leave(control)


async def test_what_is_spoken_goes_over_the_second_connection_only(box: Box, mixer: Mixer) -> None:
    control = await listening(box, mixer)
    await speaking(control, mixer)
    await asyncio.sleep(0.4)
    assert len(mixer.taken) > 10
    assert set(mixer.taken) == {OPUS_SILENCE}, "muted, and yet something else was sent"

    prepared = await control.ask("prepare_gate", session_id="s")
    box.leg.gate.consent(prepared["epoch"], Audience.EVERYONE)
    await box.speak_loudly()
    assert box.gate() is Gate.OPEN
    assert set(mixer.taken) > {OPUS_SILENCE}

    await control.ask("close_gate", session_id="s")
    await asyncio.sleep(0.05)
    before = len(mixer.taken)
    await box.speak_loudly()
    assert len(mixer.taken) > before
    assert set(mixer.taken[before:]) == {OPUS_SILENCE}
    assert box.leg.call is not None
    assert not box.leg.call.peer.may_send
    await leave(control)


async def test_a_leg_that_speaks_where_it_listens_makes_no_second_connection(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    assert (await control.ask("speak", session_id="s"))["code"] == "failed"
    refused = await control.ask("answer", session_id="s", sdp="v=0", speaking=True)
    assert refused["code"] == "failed"
    await leave(control)


async def test_a_new_way_to_speak_replaces_the_old_and_is_muted(box: Box, mixer: Mixer) -> None:
    control = await listening(box, mixer)
    await speaking(control, mixer)
    epoch = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    box.leg.gate.consent(epoch, Audience.EVERYONE)
    for _ in range(4):
        box.speak()
    assert box.gate() is Gate.OPEN
    other = Mixer()
    await speaking(control, other)
    assert box.gate() is Gate.CLOSED
    await asyncio.sleep(0.3)
    assert set(other.taken) == {OPUS_SILENCE}
    await leave(control)
    await other.close()


async def test_a_press_outlasts_the_making_of_a_new_way_to_speak(box: Box, mixer: Mixer) -> None:
    """The platform's consent to that press may need it."""
    control = await listening(box, mixer)
    await speaking(control, mixer)
    epoch = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    await box.speak_loudly()
    other = Mixer()
    await speaking(control, other)
    await box.speak_loudly()
    assert box.gate() is Gate.OPENING
    opened = await control.ask("open_gate", session_id="s", epoch=epoch)
    assert opened["ok"], opened
    assert box.gate() is Gate.OPEN
    await asyncio.sleep(0.1)
    assert set(mixer.taken) | set(other.taken) == {OPUS_SILENCE}, "sent before consent"
    await box.speak_loudly()
    await asyncio.sleep(0.1)
    assert set(mixer.taken) == {OPUS_SILENCE}, "the former way still carries the microphone"
    assert set(other.taken) > {OPUS_SILENCE}
    await leave(control)
    await other.close()


async def test_consent_to_a_way_that_is_replaced_opens_nothing(box: Box, mixer: Mixer) -> None:
    control = await listening(box, mixer)
    await speaking(control, mixer)
    epoch = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    box.leg.gate.consent(epoch, Audience.EVERYONE)  # the microphone has given no sound yet
    other = Mixer()
    await speaking(control, other)
    assert box.gate() is Gate.CLOSED
    await box.speak_loudly()
    opened = await control.ask("open_gate", session_id="s", epoch=epoch)
    assert opened["code"] == "stale"
    await box.speak_loudly()
    await asyncio.sleep(0.1)
    assert set(mixer.taken) | set(other.taken) == {OPUS_SILENCE}
    await leave(control)
    await other.close()


@pytest.mark.parametrize("how", ["ended by the platform", "given up by the sender"])
async def test_a_way_to_speak_that_is_lost_mutes_and_nothing_else(
    box: Box, mixer: Mixer, how: str
) -> None:
    control = await listening(box, mixer)
    await speaking(control, mixer)
    epoch = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    box.leg.gate.consent(epoch, Audience.EVERYONE)
    await box.speak_loudly()
    assert box.gate() is Gate.OPEN
    assert box.leg.call is not None
    if how == "ended by the platform":
        await mixer.taking.close()
    else:
        box.leg.call.track.stop()
    async with asyncio.timeout(2):
        while box.gate() is not Gate.CLOSED:
            await asyncio.sleep(0.005)
    again = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    opened = await control.ask("open_gate", session_id="s", epoch=again)
    assert opened["code"] == "not_connected"
    assert box.leg.call.media is Media.CONNECTED
    heard = sum(stream.stats.received for stream in box.leg.call.peer.streams)
    await asyncio.sleep(0.3)
    assert sum(stream.stats.received for stream in box.leg.call.peer.streams) > heard + 5
    await leave(control)


async def test_what_breaks_of_a_former_connection_while_it_is_closed_is_no_news(
    box: Box, mixer: Mixer, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = await listening(box, mixer)
    await speaking(control, mixer)
    call = box.leg.call
    assert call is not None
    assert call.speaking is not None
    close, may_close = call.speaking.close, asyncio.Event()

    async def later() -> None:
        await may_close.wait()
        await close()

    monkeypatch.setattr(call.speaking, "close", later)
    fresh = Mixer()
    number = control.send(
        "join",
        session_id="s",
        offer=await fresh.offer(),
        direction="recvonly",
        speaks_apart=True,
        again=True,
    )
    async with asyncio.timeout(10):
        while str(call.media) != Media.LOST:
            await asyncio.sleep(0)
    await mixer.sending.close()
    await asyncio.sleep(0.1)
    may_close.set()
    reply = await control.reply(number)
    await fresh.accept(reply["sdp"])
    async with asyncio.timeout(10):
        while str(call.media) != Media.CONNECTED:
            await asyncio.sleep(0.02)
    await fresh.close()


async def test_an_announced_call_opens_nothing_and_sends_nothing(box: Box, mixer: Mixer) -> None:
    """The earcon is for the ear alone, also where somebody talks to the desk just then."""
    control = await listening(box, mixer)
    await speaking(control, mixer)
    for _ in range(3):
        assert (await control.ask("announce"))["ok"]
        await box.speak_loudly()
    assert len(mixer.taken) > 20
    assert set(mixer.taken) == {OPUS_SILENCE}
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()
    await leave(control)
