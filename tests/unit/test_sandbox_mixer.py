"""Who hears whom, with real legs whose uplink is fed real Opus packets."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import numpy as np
import opuslib_next
import pytest
from aiortc.rtp import RtpPacket

from appliance.control_link.words import Audience
from appliance.platforms.sandbox.centre import uplink as uplink_module
from appliance.platforms.sandbox.centre.call import Call
from appliance.platforms.sandbox.centre.conversation import SIDES
from appliance.platforms.sandbox.centre.leg import SpeakerTrack, SupervisorLeg
from appliance.platforms.sandbox.centre.mixer import Mixer
from appliance.platforms.sandbox.centre.pacer import beats
from appliance.platforms.sandbox.centre.party import Click
from appliance.platforms.sandbox.centre.script import AGENT_VOICES, CUSTOMER_VOICES, DIALOGUES
from appliance.platforms.sandbox.centre.sound import FLOOR, FRAME, FRAME_SECONDS, RATE, Pcm, tone
from appliance.platforms.sandbox.centre.speech import Lines
from appliance.platforms.sandbox.centre.tenant import AGENTS, Casting, cast, seeded
from appliance.platforms.sandbox.centre.uplink import LoggedPacket, PacketLog, Uplink
from appliance.webrtc import OPUS_SILENCE

AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ = 440.0, 1000.0, 2000.0
HEARD = -25.0
UNHEARD = -80.0


def make_call(*, voices: bool = False) -> Call:
    casting: Casting = cast(seeded(1))
    return Call(id="call-1", cast=casting, agent=casting.agent, voices=voices)


def some_lines() -> Lines:
    noise = np.random.default_rng(1).integers(-3000, 3000, RATE).astype(np.int16)
    return {
        (voice, text): noise
        for dialogue in DIALOGUES
        for text in dialogue
        for voice in (*AGENT_VOICES, *CUSTOMER_VOICES)
    }


class Talker:
    """A supervisor's encoder."""

    def __init__(self) -> None:
        self._encoder: Any = opuslib_next.Encoder(RATE, 1, "voip")
        self._sequence = itertools.count(65_500)

    def packet(self, number: int) -> RtpPacket:
        sound = tone(SUPERVISOR_HZ, -20.0, number * FRAME)
        return self.wrap(self._encoder.encode(sound.tobytes(), FRAME))

    def wrap(self, payload: bytes) -> RtpPacket:
        packet = RtpPacket(sequence_number=next(self._sequence) & 0xFFFF)
        packet.payload = payload
        return packet


def run(mixer: Mixer, leg: SupervisorLeg, talker: Talker, frames: int, first: int = 0) -> None:
    for number in range(first, first + frames):
        leg.uplink.packet(talker.packet(number))
        mixer.tick(number)


@pytest.mark.parametrize(
    ("audience", "agent_hears", "customer_hears"),
    [
        (None, False, False),
        (Audience.AGENT, True, False),
        (Audience.EVERYONE, True, True),
    ],
)
async def test_only_the_audience_hears_the_supervisor(
    audience: Audience | None, agent_hears: bool, customer_hears: bool
) -> None:
    call, leg = make_call(), SupervisorLeg("h", "sue", lambda leg: None)
    call.legs["h"] = leg
    call.parties["agent"].tone = (AGENT_HZ, -20.0)
    call.parties["customer"].tone = (CUSTOMER_HZ, -20.0)
    leg.audience = audience
    mixer = Mixer(call, some_lines())
    run(mixer, leg, Talker(), 80)
    assert mixer.measure("agent", CUSTOMER_HZ, 1) > HEARD
    assert mixer.measure("customer", AGENT_HZ, 1) > HEARD
    assert mixer.measure("agent", AGENT_HZ, 1) < UNHEARD
    assert mixer.measure("customer", CUSTOMER_HZ, 1) < UNHEARD
    heard = {side: mixer.measure(side, SUPERVISOR_HZ, 1) for side in SIDES}
    assert (heard["agent"] > HEARD, heard["customer"] > HEARD) == (agent_hears, customer_hears)
    assert (heard["agent"] < UNHEARD, heard["customer"] < UNHEARD) == (
        not agent_hears,
        not customer_hears,
    )
    await leg.close()


async def test_taking_the_audience_away_is_heard_at_the_next_frame() -> None:
    call, leg, talker = make_call(), SupervisorLeg("h", "sue", lambda leg: None), Talker()
    call.legs["h"] = leg
    leg.audience = Audience.EVERYONE
    mixer = Mixer(call, some_lines())
    run(mixer, leg, talker, 20)
    leg.audience = None
    run(mixer, leg, talker, 1, first=20)
    assert mixer.measure("agent", None, FRAME_SECONDS) == FLOOR
    assert mixer.measure("customer", None, FRAME_SECONDS) == FLOOR
    await leg.close()


async def test_on_hold_the_customer_hears_music_and_not_the_agent() -> None:
    call, leg = make_call(voices=True), SupervisorLeg("h", "sue", lambda leg: None)
    call.legs["h"] = leg
    mixer = Mixer(call, some_lines())
    call.state = "on-hold"
    run(mixer, leg, Talker(), 60)
    assert mixer.measure("customer", None, 1) > -50
    assert mixer.measure("agent", None, 1) == FLOOR
    call.state = "in-conversation"
    call.replace_agent(next(agent for agent in AGENTS if agent != call.agent))
    run(mixer, leg, Talker(), 60, first=60)
    assert max(mixer.measure(side, None, 1) for side in SIDES) > -50
    await leg.close()


async def test_a_click_is_spoken_once_when_it_is_due() -> None:
    call = make_call()
    mixer = Mixer(call, some_lines())
    loop = asyncio.get_running_loop()
    click = Click(time.monotonic(), loop.create_future())
    later = Click(time.monotonic() + 3600, loop.create_future())
    call.parties["agent"].clicks += [click, later]
    before = time.monotonic()
    mixer.tick(1)
    assert before <= click.spoken.result() <= time.monotonic()
    assert mixer.measure("customer", None, FRAME_SECONDS) > -10
    mixer.tick(2)
    assert mixer.measure("customer", None, FRAME_SECONDS) == FLOOR
    assert not later.spoken.done()


async def test_the_speaker_drops_the_oldest_packet() -> None:
    track = SpeakerTrack()
    for number in range(10):
        track.put(bytes([number]), number * FRAME)
    assert bytes(await track.recv()) == b"\x07"
    assert track.wanted


def test_the_packet_log_forgets_the_oldest_and_keeps_the_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uplink_module, "KEPT_PACKETS", 10)
    log = PacketLog()
    for number in range(25):
        log.add(LoggedPacket(0.0, number, 0, b""))
    following, packets = log.since(0, 4)
    assert [packet.sequence for packet in packets] == [15, 16, 17, 18]
    following, packets = log.since(following, 100)
    assert [packet.sequence for packet in packets] == list(range(19, 25))
    assert log.since(following, 100) == (25, [])


def drain(uplink: Uplink) -> list[Pcm]:
    frames = []
    while uplink._waiting.size >= FRAME:
        frames.append(uplink.take())
    return frames


def test_the_uplink_survives_what_a_line_can_do() -> None:
    uplink, talker = Uplink(), Talker()
    packets = [talker.packet(number) for number in range(3)]
    uplink.packet(packets[0])
    uplink.packet(packets[2])
    uplink.packet(packets[1])
    assert len(drain(uplink)) == 3, "the lost one is concealed, the late one dropped"
    uplink.packet(talker.wrap(b""))
    uplink.packet(talker.wrap(b"\xff\xff"))
    drain(uplink)
    uplink.packet(talker.packet(3))
    assert drain(uplink)
    assert uplink.log.count == 6, "the log has them all"


def test_the_uplink_never_gathers_delay() -> None:
    uplink, talker = Uplink(), Talker()
    for number in range(50):
        uplink.packet(talker.packet(number))
    assert uplink._waiting.size == uplink_module.MOST


def test_the_silence_frame_decodes_to_silence() -> None:
    uplink, talker = Uplink(), Talker()
    for _ in range(4):
        uplink.packet(talker.wrap(OPUS_SILENCE))
    assert all(not frame.any() for frame in drain(uplink))


async def test_beats_skip_what_is_too_late_to_catch_up() -> None:
    numbers = []
    async for number, due in beats(time.monotonic()):
        assert time.monotonic() >= due - 0.002
        numbers.append(number)
        if len(numbers) == 3:
            time.sleep(0.5)
        if len(numbers) == 5:
            break
    assert numbers == sorted(set(numbers))
    assert numbers[3] - numbers[2] >= 20
