"""What is said between press and consent: in the packets in time, or nowhere at all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audio.levels import tone_dbfs
from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE, Samples
from appliance.leg.gate import GateError
from appliance.webrtc import OPUS_SILENCE
from tests.support.microphone import Ledger, Microphone, decoded, new_encoder, sharpest, tone, voice

BLOCK = 480
BEFORE_HZ = 9_000.0
"""Said before any press."""
STRAY_DBFS = -35.0
"""Each tone is said at −12 dBFS."""
MARKER_HZ, VOICE_HZ = 3_000.0, 500.0
MS = SAMPLE_RATE // 1000


def hertz(epoch: int) -> float:
    """A tone for each epoch, far from those of the ones around it."""
    return 600.0 + 500.0 * (epoch * 5 % 14)


def strength(heard: Samples, hz: float) -> float:
    """dBFS of the tone, with no leak from other tones at a distance."""
    window = np.hanning(len(heard))
    return tone_dbfs(np.round(heard * window).astype(np.int16), hz) + 6.0


class Speaker:
    """Says something of its own in each epoch, and collects what became packets in it."""

    def __init__(self) -> None:
        self.box = Microphone()
        self.ledger = Ledger(self.box.gate)
        self.box.uplink._encoder = self.ledger
        self.said = 0
        self.asked: list[int] = []
        self.consented: set[int] = set()
        self.sent: defaultdict[int, list[bytes]] = defaultdict(list)

    def say(self, samples: int) -> None:
        gate = self.box.gate
        hz = BEFORE_HZ if gate.state is Gate.CLOSED else hertz(gate.epoch)
        self.box.uplink.push(tone(hz, samples, self.said), 0.0)
        self.said += samples

    def consent(self, which: int) -> None:
        epoch = self.asked[which]
        try:
            self.box.gate.consent(epoch, Audience.EVERYONE)
        except GateError:
            return
        self.consented.add(epoch)

    def take(self) -> None:
        for payload in self.box.taken():
            assert self.box.gate.state is Gate.OPEN
            self.sent[self.box.gate.epoch].append(payload)

    def check(self) -> None:
        """Each epoch's packets hold that epoch's tone, if it got consent, and no other."""
        others = {hertz(epoch) for epoch in range(14)} | {BEFORE_HZ}
        for epoch, payloads in self.sent.items():
            assert epoch in self.consented
            assert {self.ledger.epochs[payload] for payload in payloads} == {epoch}
            heard = decoded(payloads)
            for at in range(0, len(heard) - FRAME + 1, FRAME // 2):
                piece = heard[at : at + FRAME]
                strays = {hz: round(strength(piece, hz)) for hz in others - {hertz(epoch)}}
                assert max(strays.values()) < STRAY_DBFS, (epoch, at // FRAME, strays)

    def step(self, step: str) -> None:
        gate = self.box.gate
        match step:
            case "press":
                self.asked.append(gate.prepare("button"))
            case "consent" if self.asked:
                self.consent(-1)
            case "late consent" if self.asked:
                self.consent(0)
            case "close":
                gate.close("button")
            case "refuse" if self.asked:
                gate.close("refused", self.asked[-1])
            case "headset":
                gate.close("headset")
            case "withdraw":
                gate.withdraw("media")
            case "lost":
                gate.disarm("media")
                gate.arm("s")
            case "block":
                self.say(BLOCK)
            case "long":
                self.say(3 * FRAME)
            case "take":
                self.take()


STEPS = st.lists(
    st.sampled_from(
        ["press"] * 3
        + ["consent"] * 3
        + ["late consent", "close", "refuse", "headset", "withdraw", "lost"]
        + ["block"] * 4
        + ["long"] * 3
        + ["take"] * 2
    ),
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_packets_hold_nothing_from_before_the_press_or_from_without_consent(
    steps: list[str],
) -> None:
    async def run() -> None:
        speaker = Speaker()
        for step in steps:
            speaker.step(step)
            if speaker.box.gate.state is Gate.CLOSED:
                assert not speaker.box.uplink._pre_roll._sound.any(), f"kept after {step}"
            assert speaker.box.capturing is (speaker.box.gate.state is not Gate.CLOSED)
        speaker.take()
        speaker.check()
        assert all(state is Gate.OPEN for state, _ in speaker.ledger.fed)

    asyncio.run(run())


async def test_the_proof_above_finds_a_stray_block() -> None:
    """10 ms of another epoch among 500 are seen."""
    speaker = Speaker()
    speaker.step("press")
    speaker.step("long")
    speaker.step("consent")
    for _ in range(50):
        speaker.step("block")
        speaker.step("take")
    speaker.check()
    epoch = speaker.box.gate.epoch
    stray = np.concatenate([tone(BEFORE_HZ, BLOCK), tone(hertz(epoch), BLOCK)])
    speaker.sent[epoch] += [
        speaker.ledger.encode(stray),
        speaker.ledger.encode(tone(hertz(epoch), FRAME)),
    ]
    with pytest.raises(AssertionError):
        speaker.check()


def open_after(box: Microphone, waited: int, sound: Samples) -> list[bytes]:
    """Press, hear *sound* in blocks, consent after *waited* samples; the packets."""
    epoch = box.gate.prepare("button")
    sent: list[bytes] = []
    for at in range(0, len(sound), BLOCK):
        if at >= waited and box.gate.state is Gate.OPENING:
            box.gate.consent(epoch, Audience.EVERYONE)
        box.uplink.push(sound[at : at + BLOCK], 0.0)
        sent += box.taken()
    return sent


@pytest.mark.parametrize("waited_ms", [0, 20, 60, 150, 390])
async def test_what_is_said_at_the_press_is_the_first_that_is_sent(waited_ms: int) -> None:
    marker = tone(MARKER_HZ, 20 * MS)
    sound = np.concatenate([marker, voice(980 * MS)])
    heard = decoded(open_after(Microphone(), waited_ms * MS, sound))
    assert strength(heard[: 30 * MS], MARKER_HZ) > -20
    assert strength(heard[40 * MS : 200 * MS], MARKER_HZ) < -40


async def test_of_a_longer_wait_the_newest_is_kept() -> None:
    """The marker at the press is too old by then; the one in the last 400 ms is not."""
    sound = voice(2000 * MS)
    sound[: 20 * MS] = tone(MARKER_HZ, 20 * MS)
    sound[700 * MS : 740 * MS] = tone(5_000.0, 40 * MS)
    heard = decoded(open_after(Microphone(), 900 * MS, sound))
    pieces = [heard[at : at + 20 * MS] for at in range(0, len(heard) - 20 * MS, 10 * MS)]
    assert max(strength(piece, 5_000.0) for piece in pieces) > -20
    assert max(strength(piece, MARKER_HZ) for piece in pieces) < -40


@pytest.mark.parametrize("waited_ms", [50, 120, 250, 400, 1500])
async def test_the_wait_leaves_no_delay_after_a_second(waited_ms: int) -> None:
    """A tone that begins a second after consent is in the packet in which it is captured."""
    begins = (waited_ms + 1000) * MS
    sound = np.concatenate([voice(begins), tone(MARKER_HZ, 200 * MS)])
    packets = open_after(Microphone(), waited_ms * MS, sound)
    heard = decoded(packets)
    first = next(
        at for at in range(0, len(heard), 2 * MS) if strength(heard[at:][: 5 * MS], MARKER_HZ) > -20
    )
    in_packet = first // FRAME
    # One packet for each 20 ms, from consent on.
    expected = (begins - waited_ms * MS) // FRAME
    assert abs(in_packet - expected) <= 1


@pytest.mark.parametrize("waited_ms", [20, 200, 390])
async def test_the_wait_is_made_good_without_a_burst_and_without_a_hole(waited_ms: int) -> None:
    box = Microphone()
    epoch = box.gate.prepare("button")
    counts = []
    for at in range(0, 1200 * MS, BLOCK):
        if at == waited_ms * MS:
            box.gate.consent(epoch, Audience.EVERYONE)
        box.uplink.push(voice(BLOCK, at), 0.0)
        if box.gate.state is Gate.OPEN:
            counts.append(len(box.taken()))
    assert counts[0] == 1, "the first packet waits"
    assert max(counts) == 1, "several at once"
    waits = np.diff(np.flatnonzero(counts))
    assert waits.max() <= 3, "a hole of more than a block"
    assert sum(counts) >= len(counts) // 2 - 1


async def test_silence_before_the_first_word_makes_no_delay() -> None:
    box = Microphone()
    quiet = np.random.default_rng(1).integers(-20, 20, 300 * MS).astype(np.int16)
    sound = np.concatenate([quiet, voice(300 * MS)])
    sent = open_after(box, 250 * MS, sound)
    heard = decoded(sent)
    begins = np.flatnonzero(np.abs(heard) > 2_000)[0] / MS
    # It was captured 50 ms after consent, and the decoder is 6.5 ms behind the encoder.
    assert 40 < begins < 50 + 20 + 7 + 10


@pytest.mark.parametrize("hz", [200.0, 440.0, 997.0])
@pytest.mark.parametrize("waited_ms", [0, 100])
async def test_opening_in_the_middle_of_a_sound_makes_no_click(hz: float, waited_ms: int) -> None:
    wave = tone(hz, 400 * MS, start=round(SAMPLE_RATE / hz / 4), level=16_000)
    silence = [OPUS_SILENCE] * 5
    heard = decoded([*silence, *open_after(Microphone(), waited_ms * MS, wave)])
    assert sharpest(heard) < sharpest(wave) + 300
    cut = [new_encoder().encode(wave[:FRAME])]
    assert sharpest(decoded([*silence, *cut])) > sharpest(wave) + 3_000, "no click would be seen"


ENDINGS: dict[str, Callable[[Microphone], object]] = {
    "second press": lambda box: box.gate.close("button"),
    "refusal": lambda box: box.gate.close("refused", box.gate.epoch),
    "time-out": lambda box: box.gate.close("timeout", box.gate.epoch),
    "headset": lambda box: box.gate.close("headset"),
    "end": lambda box: box.hang_up(),
}


@pytest.mark.parametrize("how", ENDINGS)
async def test_what_got_no_consent_is_overwritten_and_never_sent_later(how: str) -> None:
    box = Microphone()
    epoch = box.gate.prepare("button")
    for at in range(0, 200 * MS, BLOCK):
        box.uplink.push(tone(MARKER_HZ, BLOCK, at), 0.0)
    assert box.uplink._pre_roll._sound.any()
    ENDINGS[how](box)
    assert not box.uplink._pre_roll._sound.any()
    with pytest.raises(GateError):
        box.gate.consent(epoch, Audience.EVERYONE)
    heard = decoded(open_after(box, 60 * MS, tone(VOICE_HZ, 400 * MS)))
    assert strength(heard, MARKER_HZ) < strength(heard, VOICE_HZ) - 40


def child(samples: int) -> Samples:
    """A voice of 380 Hz, whose periods are shorter than the shortest stretch."""
    parts = [tone(380.0 * n, samples, 0, 8_000 / n).astype(np.int32) for n in range(1, 6)]
    mixed: Samples = (np.sum(parts, axis=0) // 3).astype(np.int16)
    return mixed


def breath(samples: int) -> Samples:
    return np.random.default_rng(3).normal(0, 3_000, samples).astype(np.int16)


@pytest.mark.parametrize("sound", [child, breath])
async def test_no_sound_keeps_the_wait_as_delay(sound: Callable[[int], Samples]) -> None:
    waited, begins = 400 * MS, 1_500 * MS
    packets = open_after(
        Microphone(), waited, np.concatenate([sound(begins), tone(MARKER_HZ, 200 * MS)])
    )
    heard = decoded(packets)
    windows = range((begins - waited) - 100 * MS, len(heard) - 5 * MS, 2 * MS)
    first = next(at for at in windows if strength(heard[at:][: 5 * MS], MARKER_HZ) > -14)
    assert first - (begins - waited) < 40 * MS


async def test_soft_words_before_consent_are_heard_too() -> None:
    """At -52 dBFS all through: the softest of it is no room that speech must rise from."""
    words = [tone(500.0 + 400 * n, 60 * MS, 0, 32_767 * 10 ** (-52 / 20)) for n in range(6)]
    packets = open_after(
        Microphone(), 380 * MS, np.concatenate([*words, np.zeros(1_000 * MS, np.int16)])
    )
    heard = decoded(packets)
    steps = range(0, 600 * MS, 5 * MS)
    for n in range(6):
        said = [strength(heard[at:][: 10 * MS], 500.0 + 400 * n) > -62 for at in steps]
        assert sum(said) >= 4, f"word {n} is missing"
