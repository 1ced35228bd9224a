"""The track with the real gate and real Opus: one clock, silence that is constant, and what the
microphone gives sent in its own thread.
"""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from aiortc.mediastreams import MediaStreamError

from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.opus import FRAME, Samples
from appliance.leg.gate import GateError
from appliance.leg.uplink.track import LOOK_S, PATIENCE_S, UplinkTrack
from appliance.webrtc import OPUS_SILENCE
from tests.support.microphone import Ledger, Microphone, noise
from tests.support.notebook import Notebook
from tests.support.waiting import eventually

FRAME_S = 0.02


def quiet(payloads: list[bytes]) -> bool:
    return bool(payloads) and set(payloads) == {OPUS_SILENCE}


async def test_packets_keep_one_clock_across_mute_and_unmute() -> None:
    box = Microphone()
    book = Notebook(box)
    async with book.sending():
        await eventually(lambda: len(book.packets) >= 6)
        assert quiet(book.payloads)
        assert book.packets[5].at - book.packets[0].at >= 5 * FRAME_S - 0.005
        for _ in range(3):
            before = len(book.packets)
            box.open()
            box.uplink.push(noise(), 0.0)
            assert OPUS_SILENCE not in book.payloads[before:]
            assert len(book.packets) == before + 2
            box.gate.close("button")
            shut = len(book.packets)
            await eventually(lambda shut=shut: len(book.packets) >= shut + 3)  # type: ignore[misc]
            assert quiet(book.payloads[shut:])
    assert [sent.timestamp for sent in book.packets] == [
        number * FRAME for number in range(len(book.packets))
    ]
    assert book.track.sent == len(book.packets)


async def test_what_the_microphone_gives_is_sent_in_its_thread_without_the_loop() -> None:
    box = Microphone()
    book = Notebook(box)
    threads: list[int] = []

    def speak() -> None:
        threads.append(threading.get_ident())
        box.open()
        for _ in range(5):
            box.uplink.push(noise(), 0.0)

    async with book.sending():
        before = len(book.packets)
        thread = threading.Thread(target=speak)
        thread.start()
        thread.join(10)  # the loop does nothing meanwhile
        spoken = book.packets[before:]
        assert len(spoken) == 6
        assert {sent.thread for sent in spoken} == set(threads)
        assert threads[0] != threading.get_ident()


async def test_open_gate_without_sound_sends_the_silence_frame() -> None:
    """A microphone that ceases to give is noticed, though the loop is not woken for what it
    gives, and RTP time goes on with the wall's.
    """
    box = Microphone()
    book = Notebook(box)
    async with book.sending():
        box.open()
        last = book.packets[-1]
        assert last.payload != OPUS_SILENCE
        before = len(book.packets)
        await eventually(lambda: len(book.packets) >= before + 8)
        assert quiet(book.payloads[before:])
        assert book.packets[before].at - last.at < FRAME_S + PATIENCE_S + LOOK_S + 0.05
        ran = book.packets[-1].at - last.at
        told = (book.packets[-1].timestamp - last.timestamp) / 48_000
        assert ran - PATIENCE_S - FRAME_S - 0.05 < told < ran + FRAME_S


async def test_once_the_gate_is_closed_nothing_spoken_is_sent_any_more() -> None:
    """Not even what was being sent: closing waits for it, in whichever thread it is."""
    box = Microphone()
    under_way = threading.Event()

    def slowly(payload: bytes) -> None:
        if payload != OPUS_SILENCE:
            under_way.set()
            time.sleep(0.003)
            under_way.clear()

    book = Notebook(box, slowly)
    stop = threading.Event()

    def speak() -> None:
        while not stop.is_set():
            box.uplink.push(noise(), 0.0)

    closed = 0

    def press() -> None:
        nonlocal closed
        while closed < 40:
            try:
                box.gate.consent(box.gate.prepare("button"), box.gate.audience)
            except GateError:
                continue
            if not under_way.wait(1):
                continue
            if box.gate.close("button") is Gate.OPEN:
                assert not under_way.is_set(), "a packet is on its way after the mute"
                spoken = sum(payload != OPUS_SILENCE for payload in book.payloads)
                time.sleep(0.006)
                assert spoken == sum(payload != OPUS_SILENCE for payload in book.payloads)
                closed += 1

    async with book.sending():
        speaking = threading.Thread(target=speak)
        speaking.start()
        try:
            async with asyncio.timeout(30):
                await asyncio.to_thread(press)
        finally:
            stop.set()
            await asyncio.to_thread(speaking.join, 10)
    assert closed == 40


@pytest.mark.parametrize("opened_again", [False, True])
async def test_what_is_encoded_while_the_gate_closes_is_not_sent(opened_again: bool) -> None:
    """Whoever mutes may be held up by lamp or card before anything is flushed, and another press
    may have opened by then: the frame is of a closed gate, or of an opening before.
    """
    box = Microphone()
    book = Notebook(box)

    class Muted(Ledger):
        def encode(self, frame: Samples) -> bytes:
            box.gate._capture_act = lambda on: None  # held up: it flushes nothing
            box.gate.close("button")
            if opened_again:
                box.gate.consent(box.gate.prepare("button"), Audience.EVERYONE)
                assert box.gate.frame_ready()
            return super().encode(frame)

    async with book.sending():
        box.open()
        box.uplink._encoder = Muted(box.gate)
        sent = len(book.packets)
        box.uplink.push(noise(), 0.0)
        assert box.gate.state is (Gate.OPEN if opened_again else Gate.CLOSED)
        await eventually(lambda: len(book.packets) > sent + 3)
        assert quiet(book.payloads[sent:])


async def test_closing_ends_a_wait_at_once() -> None:
    box = Microphone()
    box.open()
    waiting = asyncio.create_task(box.uplink.wait(30))
    await asyncio.sleep(0)
    await asyncio.to_thread(box.gate.close, "button")
    async with asyncio.timeout(5):
        await waiting


async def test_stopped_track_sends_nothing() -> None:
    box = Microphone()
    book = Notebook(box)
    async with book.sending():
        box.open()
        book.track.stop()
        sent = len(book.packets)
        box.uplink.push(noise(), 0.0)
        await asyncio.sleep(0.1)
        assert len(book.packets) == sent == book.track.sent


async def test_a_thread_that_was_about_to_send_when_the_track_stopped_sends_nothing() -> None:
    box = Microphone()
    book = Notebook(box)
    async with book.sending():
        box.open()
        about_to, sent = book.track._speak, len(book.packets)
        book.track.stop()
        box.uplink.push(noise(), 0.0)
        about_to()
        assert box.taken() == [], "it had nothing to send"
        assert len(book.packets) == sent


async def test_track_ends_with_its_connection() -> None:
    box = Microphone()
    book = Notebook(box)
    async with book.sending():
        book.up = False
        await eventually(lambda: book.track.readyState == "ended")


async def test_track_that_was_stopped_before_leaves_the_microphone_to_another() -> None:
    box = Microphone()
    first, second = (Notebook(box) for _ in range(2))
    async with second.sending():
        first.track.stop()
        async with first.sending():
            box.open()
        assert first.packets == []
        assert second.payloads[-1] != OPUS_SILENCE


async def test_the_newest_of_two_tracks_has_the_microphone() -> None:
    box = Microphone()
    first, second = (Notebook(box) for _ in range(2))
    async with first.sending(), second.sending():
        first.track.stop()
        box.open()
        assert quiet(first.payloads)
        assert second.payloads[-1] != OPUS_SILENCE


async def test_sender_that_asks_the_track_itself_gets_nothing() -> None:
    box = Microphone()
    box.open()
    with pytest.raises(MediaStreamError):
        await UplinkTrack(box.gate, box.uplink).recv()
