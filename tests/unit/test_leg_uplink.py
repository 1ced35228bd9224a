"""The uplink with the real gate and real Opus: what may become a packet, and when."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audio.levels import SILENCE_DBFS
from appliance.control_link.words import Audience, Gate
from appliance.leg.gate import GateError, MicrophoneGate
from appliance.leg.opus import FRAME, Encoder, Samples
from appliance.leg.settings import LegSettings
from appliance.leg.uplink import MAX_FRAMES, Uplink, UplinkTrack
from appliance.webrtc import OPUS_SILENCE

SETTINGS = LegSettings()
NOISE = np.random.default_rng(5)


def noise(samples: int = FRAME) -> Samples:
    return NOISE.integers(-9_000, 9_000, samples).astype(np.int16)


def new_encoder() -> Encoder:
    return Encoder(SETTINGS.bitrate, SETTINGS.complexity, SETTINGS.expected_loss_percent)


class Ledger(Encoder):
    """An encoder that writes down in which state and epoch of the gate it was fed."""

    def __init__(self, gate: MicrophoneGate) -> None:
        super().__init__(SETTINGS.bitrate, SETTINGS.complexity, SETTINGS.expected_loss_percent)
        self._gate = gate
        self.fed: list[tuple[Gate, int]] = []
        self.epochs: dict[bytes, int] = {}

    def encode(self, frame: Samples) -> bytes:
        epoch, state = self._gate.epoch, self._gate.state
        self.fed.append((state, epoch))
        payload = super().encode(frame)
        self.epochs[payload] = epoch
        return payload


class Microphone:
    """Gate and uplink as the leg joins them; closing flushes."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self.capturing = False
        self.gate = MicrophoneGate(lambda gate: None, self._capture, wake)
        self.uplink = Uplink(self.gate, SETTINGS)
        self.gate.arm("s")

    def _capture(self, on: bool) -> None:
        self.capturing = on
        if not on:
            self.uplink.flush()

    def open(self) -> None:
        """Consent, and a first block that opens."""
        self.gate.consent(self.gate.prepare("button"), Audience.EVERYONE)
        self.uplink.push(noise(), 0.0)
        assert self.gate.state is Gate.OPEN

    def taken(self) -> list[bytes]:
        payloads = []
        while (payload := self.uplink.take()) is not None:
            payloads.append(payload)
        return payloads


async def test_closed_gate_feeds_nothing_to_the_encoder() -> None:
    box = Microphone()
    ledger = Ledger(box.gate)
    box.uplink._encoder = ledger
    for _ in range(5):
        box.uplink.push(noise(), 0.0)
    assert ledger.fed == []
    assert box.taken() == []
    assert box.uplink.level == SILENCE_DBFS


async def test_what_was_said_before_consent_is_never_sent() -> None:
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


async def test_first_packet_comes_with_the_first_block_after_consent() -> None:
    box = Microphone()
    epoch = box.gate.prepare("button")
    blocks = [noise(FRAME // 2) for _ in range(8)]
    for block in blocks[:-1]:
        box.uplink.push(block, 0.0)
    box.gate.consent(epoch, Audience.EVERYONE)
    assert box.taken() == []
    box.uplink.push(blocks[-1], 0.0)
    assert box.taken() == [new_encoder().encode(np.concatenate(blocks[-2:]))]


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
    assert box.taken() == [new_encoder().encode(frame)]


async def test_waiting_frames_are_bounded_and_the_newest_are_kept() -> None:
    box = Microphone()
    box.open()
    ledger = Ledger(box.gate)
    box.uplink._encoder = ledger
    for _ in range(50):
        box.uplink.push(noise(), 0.0)
    assert box.taken() == list(ledger.epochs)[-MAX_FRAMES:]


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
            payload = box.uplink.take()
            if payload is not None:
                out += 1
                assert ledger.epochs[payload] > shut
            await asyncio.sleep(0.0005)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    assert out == 60


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


def test_lamp_that_fails_does_not_keep_the_microphone_running() -> None:
    def lamp(gate: Gate) -> None:
        if gate is Gate.CLOSED:
            raise RuntimeError("the lamp is broken")

    capture: list[bool] = []
    gate = MicrophoneGate(lamp, capture.append, lambda: None)
    gate.arm("s")
    gate.prepare("button")
    with pytest.raises(RuntimeError):
        gate.close("button")
    assert capture == [True, False]


async def test_packets_keep_one_clock_across_mute_and_unmute() -> None:
    box = Microphone()
    track = UplinkTrack(box.gate, box.uplink)
    payloads: list[bytes] = []
    stamps: list[int | None] = []

    async def receive(count: int) -> list[bytes]:
        for _ in range(count):
            packet = await track.recv()
            payloads.append(bytes(packet))
            stamps.append(packet.pts)
        return payloads[-count:]

    began = time.monotonic()
    assert set(await receive(6)) == {OPUS_SILENCE}
    assert time.monotonic() - began >= 5 * 0.02 - 0.005
    for _ in range(3):
        box.open()
        spoken = await receive(1)
        assert OPUS_SILENCE not in spoken
        box.uplink.push(noise(), 0.0)
        box.gate.close("button")
        assert set(await receive(3)) == {OPUS_SILENCE}
    assert stamps == [number * FRAME for number in range(len(stamps))]
    assert track.sent == len(stamps)


async def test_open_gate_without_sound_sends_the_silence_frame() -> None:
    box = Microphone()
    track = UplinkTrack(box.gate, box.uplink)
    box.open()
    box.taken()
    assert [bytes(await track.recv()) for _ in range(3)] == [OPUS_SILENCE] * 3


async def test_closing_ends_a_wait_for_the_microphone_at_once() -> None:
    box = Microphone()
    box.open()
    box.taken()
    waiting = asyncio.create_task(box.uplink.wait(30))
    await asyncio.sleep(0)
    await asyncio.to_thread(box.gate.close, "button")
    async with asyncio.timeout(5):
        await waiting


async def test_stopped_track_hands_out_nothing() -> None:
    box = Microphone()
    track = UplinkTrack(box.gate, box.uplink)
    box.open()
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert track.sent == 0
