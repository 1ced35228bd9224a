"""The uplink with the real gate and real Opus: what may become a packet, and when."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audio.levels import SILENCE_DBFS
from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.opus import FRAME, Samples
from appliance.leg.codecs.table import G722, OPUS, PCMA, PCMU
from appliance.leg.gate import GateError
from appliance.leg.uplink.preroll import FADE, RISE
from appliance.leg.uplink.uplink import MAX_FRAMES
from tests.support.microphone import Ledger, Microphone, new_encoder, noise


async def test_closed_gate_feeds_nothing_to_the_encoder() -> None:
    box = Microphone()
    ledger = Ledger(box.gate)
    box.uplink._encoder = ledger
    for _ in range(5):
        box.uplink.push(noise(), 0.0)
    assert ledger.fed == []
    assert box.taken() == []
    assert box.uplink.level == SILENCE_DBFS


async def test_nothing_is_encoded_before_consent() -> None:
    box = Microphone()
    ledger = Ledger(box.gate)
    box.uplink._encoder = ledger
    epoch = box.gate.prepare("button")
    for _ in range(5):
        box.uplink.push(noise(), 0.0)
    box.gate.consent(epoch, Audience.EVERYONE)
    assert box.gate.state is Gate.OPEN
    assert box.taken() == []
    assert ledger.fed == []
    box.uplink.push(noise(), 0.0)
    assert len(box.taken()) == 1


async def test_without_a_pre_roll_nothing_is_sent_that_was_said_before_consent() -> None:
    box = Microphone(pre_roll_ms=0)
    ledger = Ledger(box.gate)
    box.uplink._encoder = ledger
    epoch = box.gate.prepare("button")
    for _ in range(4):
        box.uplink.push(noise(), time.monotonic() - 0.02)
    before = time.monotonic()
    box.gate.consent(epoch, Audience.EVERYONE)
    for ago in (0.06, 0.04, 0.02, 0.0):  # the thread was held up; consent came while it was
        box.uplink.push(noise(FRAME // 2), before - ago)
    assert box.taken() == [], "said before consent, or while it came"
    after = [noise(), noise()]
    for block in after:
        box.uplink.push(block, time.monotonic())
    assert len(box.taken()) == 2
    assert np.array_equal(ledger.frames[0][FADE:], after[0][FADE:])
    assert np.array_equal(ledger.frames[1], after[1])


async def test_each_opening_begins_with_a_fresh_encoder_and_no_rest() -> None:
    box = Microphone()
    box.open()
    for _ in range(10):
        box.uplink.push(noise(), 0.0)
    box.uplink.push(noise(FRAME // 2), 0.0)
    box.gate.close("button")
    assert box.taken() == []
    box.gate.consent(box.gate.prepare("button"), Audience.EVERYONE)
    frame = noise()
    box.uplink.push(frame[: FRAME // 2], 0.0)
    assert box.gate.state is Gate.OPENING, "half a frame of before was taken for this opening"
    box.uplink.push(frame[FRAME // 2 :], 0.0)
    frame[:FADE] = np.round(frame[:FADE] * RISE)
    assert box.taken() == [new_encoder().encode(frame)]


async def test_waiting_frames_are_bounded_and_the_newest_are_kept() -> None:
    box = Microphone()
    box.open()
    ledger = Ledger(box.gate)
    box.uplink._encoder = ledger
    for _ in range(50):
        box.uplink.push(noise(), 0.0)
    assert box.taken() == list(ledger.epochs)[-MAX_FRAMES:]


async def test_what_is_encoded_for_another_codec_is_never_handed_out() -> None:
    box = Microphone()
    box.open()
    for codec in (PCMU, OPUS, G722):
        box.uplink.use(codec)
        box.uplink.push(noise(), 0.0)
    assert box.taken(PCMA) == []
    box.uplink.push(noise(), 0.0)
    assert box.taken(OPUS) == []
    box.uplink.push(noise(), 0.0)
    assert len(box.taken(G722)) == 1


async def test_what_is_being_encoded_when_all_is_flushed_is_not_handed_out() -> None:
    """The gate stays open, for others: what was said before was not for them."""
    box = Microphone()
    box.open()
    box.taken()

    class Slow(Ledger):
        def encode(self, frame: Samples) -> bytes:
            box.uplink.flush()
            return super().encode(frame)

    box.uplink._encoder = Slow(box.gate)
    box.uplink.push(noise(), 0.0)
    box.uplink._encoder = Ledger(box.gate)
    assert box.taken() == []
    for _ in range(2):
        box.uplink.push(noise(), 0.0)
    assert len(box.taken()) == 2


async def test_what_is_taken_from_the_pre_roll_while_it_is_wiped_is_not_handed_out() -> None:
    """The capture thread comes in the middle of a flush, with the gate open."""
    box = Microphone()
    box.open()
    box.taken()
    pre_roll = box.uplink._pre_roll
    wipe = pre_roll.wipe

    def interrupted() -> None:
        box.uplink.push(noise(), 0.0)
        wipe()

    vars(pre_roll)["wipe"] = interrupted
    box.uplink.flush()
    assert box.taken() == []


async def test_long_and_odd_blocks_become_whole_frames() -> None:
    box = Microphone()
    box.open()
    box.taken()
    for size in (441, 479, 100, 900):
        box.uplink.push(noise(size), 0.0)
    assert len(box.taken()) == 2


STEPS = st.lists(
    st.sampled_from(["prepare", "consent", "close", "rearm", "push", "half", "take", "keep"]),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_no_order_of_events_lets_a_closed_epoch_out(steps: list[str]) -> None:
    async def run() -> None:
        box = Microphone()
        ledger = Ledger(box.gate)
        box.uplink._encoder = ledger
        kept: list[int] = []
        for step in steps:
            match step:
                case "prepare":
                    kept.append(box.gate.prepare("button"))
                case "consent" if kept:
                    allowed = kept[-1] == box.gate.epoch and box.gate.state is not Gate.CLOSED
                    try:
                        box.gate.consent(kept[-1], Audience.EVERYONE)
                    except GateError:
                        assert not allowed
                    else:
                        assert allowed
                case "close":
                    box.gate.close("button")
                case "rearm":
                    box.gate.disarm("media")
                    box.gate.arm("s")
                case "push":
                    box.uplink.push(noise(), 0.0)
                case "half":
                    box.uplink.push(noise(FRAME // 2), 0.0)
                case "take":
                    for payload in box.taken():
                        assert box.gate.state is Gate.OPEN
                        assert ledger.epochs[payload] == box.gate.epoch
            assert box.capturing is (box.gate.state is not Gate.CLOSED)
        assert all(state is Gate.OPEN for state, _ in ledger.fed)

    asyncio.run(run())


async def test_racing_threads_let_no_closed_epoch_out() -> None:
    box = Microphone()
    ledger = Ledger(box.gate)
    box.uplink._encoder = ledger
    closed: list[int] = [-1]
    stop = threading.Event()

    def speak() -> None:
        while not stop.is_set():
            box.uplink.push(noise(), 0.0)

    def press() -> None:
        while not stop.is_set():
            epoch = box.gate.prepare("button")
            try:
                box.gate.consent(epoch, Audience.EVERYONE)
            except GateError:
                continue
            time.sleep(0.002)
            if box.gate.close("button") is not Gate.CLOSED:
                closed.append(epoch)

    threads = [threading.Thread(target=target) for target in (speak, press)]
    for thread in threads:
        thread.start()
    out = 0
    try:
        until = time.monotonic() + 20
        while out < 60 and time.monotonic() < until:
            # Closed for good before the frame is asked for.
            shut = closed[-1]
            for payload in box.taken():
                out += 1
                assert ledger.epochs[payload] > shut
            await asyncio.sleep(0.0005)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    assert out >= 60


async def test_press_between_closing_and_disarming_starts_no_microphone() -> None:
    """The racing press comes at the worst moment: when the gate has just told of its closing."""
    pressed: list[str] = []

    def press() -> None:
        if box.gate.state is Gate.CLOSED:
            try:
                box.gate.prepare("button")
            except GateError as error:
                pressed.append(error.code)

    box = Microphone()
    box.gate.prepare("button")
    box.gate._wake = press
    box.gate.disarm("end")
    assert pressed == ["not_in_call"]
    assert box.gate.state is Gate.CLOSED
    assert not box.capturing
