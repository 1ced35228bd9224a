"""What stops stock aiortc's receive path (1.16), and does not stop ours.

Each test feeds the same packets to both: to aiortc's own jitter buffer, decoder and track, which
must be seen to fail (else the trap is gone, and our own path may be too), and to `JitterBuffer`.
"""

from __future__ import annotations

import asyncio
import queue
import threading

import av
import numpy as np
import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterBuffer as StockBuffer
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpreceiver import RemoteStreamTrack, TimestampMapper, decoder_worker
from aiortc.rtp import RtpPacket

from appliance.audio.levels import dbfs
from appliance.leg.codecs.opus import FRAME, Encoder, Samples
from appliance.leg.receive.jitter import JitterBuffer
from appliance.leg.receive.store import MAX_PACKETS

OPUS = RTCRtpCodecParameters(
    mimeType="audio/opus", clockRate=48_000, channels=2, payloadType=96, parameters={}
)
LOUD = -25.0


def tone(count: int) -> list[bytes]:
    """Packets of 20 ms of a steady tone."""
    wave = (np.sin(2 * np.pi * 440 * np.arange(count * FRAME) / 48_000) * 11_600).astype(np.int16)
    encoder = Encoder(40_000, 5, 10)
    return [encoder.encode(wave[at : at + FRAME]) for at in range(0, len(wave), FRAME)]


TONE = tone(150)
Stream = list[tuple[int, int, bytes]]
"""Sequence number, timestamp and payload of each packet that arrives; one is sent every 20 ms."""


def stock_frames(stream: Stream) -> list[JitterFrame]:
    """What aiortc's jitter buffer hands to its decoder."""
    buffer = StockBuffer(capacity=16, prefetch=4)
    frames = []
    for number, timestamp, payload in stream:
        packet = RtpPacket(sequence_number=number, timestamp=timestamp, payload=payload)
        vars(packet)["_data"] = payload  # as RTCRtpReceiver does
        _, frame = buffer.add(packet)
        if frame is not None:
            frames.append(frame)
    return frames


def stock_heard(stream: Stream) -> list[float]:
    """The level (dBFS) of each frame of 20 ms that aiortc's decoder makes of it."""
    decoder = get_decoder(OPUS)
    levels = []
    for frame in stock_frames(stream):
        try:
            decoded = decoder.decode(frame)
        except av.FFmpegError:  # its decoder thread logs it and goes on
            continue
        for audio in decoded:
            assert isinstance(audio, av.AudioFrame)
            levels.append(dbfs(audio.to_ndarray().reshape(-1).astype(np.int16)))
    return levels


def ours(stream: Stream, after: int = 0) -> tuple[JitterBuffer, list[Samples]]:
    """What is heard of it, in blocks of 10 ms; *after* are blocks when nothing comes any more."""
    buffer = JitterBuffer()
    heard = []
    packets = {number: (timestamp, payload) for number, timestamp, payload in stream}
    for number in range(max(packets) + 1):
        if number in packets:
            buffer.put(1, *packets[number], number * 0.02)
        heard += [buffer.pop(), buffer.pop()]
    return buffer, heard + [buffer.pop() for _ in range(after)]


def plain(count: int) -> Stream:
    return [(i, i * FRAME, TONE[i]) for i in range(count)]


def test_undisturbed_stream_is_heard_by_both() -> None:
    """So that the failures below are the traps', and not this module's."""
    assert sum(level > LOUD for level in stock_heard(plain(100))) >= 95
    _, heard = ours(plain(100))
    assert sum(dbfs(block) > LOUD for block in heard) >= 190


def test_one_empty_packet() -> None:
    stream = plain(100)
    stream[30] = (30, 30 * FRAME, b"")
    assert sum(level > LOUD for level in stock_heard(stream)) <= 30
    _, heard = ours(stream)
    assert all(dbfs(block) > LOUD for block in heard[80:])


def test_end_of_a_word_before_the_sender_pauses() -> None:
    """A DTX sender sends two bytes, and then nothing until somebody speaks again."""
    stream = [*plain(50), (50, 50 * FRAME, b"\xf8")]
    assert sum(level > LOUD for level in stock_heard(stream)) <= 48
    buffer, heard = ours(stream, after=20)
    assert sum(dbfs(block) > LOUD for block in heard) >= 99
    assert buffer.stats.concealed == 0


def test_one_loss_leaves_no_lasting_delay() -> None:
    stream = [packet for packet in plain(150) if packet[0] != 40]
    newest = max(frame.timestamp for frame in stock_frames(stream)) // FRAME
    undisturbed = max(frame.timestamp for frame in stock_frames(plain(150))) // FRAME
    assert undisturbed - newest >= 5, "stock aiortc waits no longer than before the loss"
    buffer, heard = ours(stream)
    assert all(dbfs(block) > LOUD - 10 for block in heard[20:])
    assert buffer.delay_ms < 60


@pytest.mark.parametrize("step_s", [-0.5, -30, -3_600])
def test_clock_of_the_sender_that_is_set_back(step_s: float) -> None:
    """A switched sender (a transfer) goes on with other timestamps, its numbers go on."""
    start = 2**31
    step = int(step_s * 48_000)
    stream = [(i, start + i * FRAME + (step if i >= 60 else 0), TONE[i]) for i in range(len(TONE))]
    mapper = TimestampMapper()
    times = [mapper.map(frame.timestamp) for frame in stock_frames(stream)]
    assert max(np.diff(times)) > 48_000 * 3_600, "stock aiortc no longer takes it for a wrap"
    buffer, heard = ours(stream)
    assert sum(dbfs(block) <= LOUD for block in heard[20:]) <= 12
    assert buffer.delay_ms < 100


@pytest.mark.asyncio
async def test_stream_that_nobody_listens_to() -> None:
    """Decoded audio piles up in aiortc's track; ours keeps two seconds of packets."""
    frames = stock_frames(plain(150)) * 10
    track = RemoteStreamTrack(kind="audio")
    todo: queue.Queue[tuple[RTCRtpCodecParameters, JitterFrame] | None] = queue.Queue()
    for frame in frames:
        todo.put((OPUS, frame))
    todo.put(None)
    worker = threading.Thread(
        target=decoder_worker,
        args=(asyncio.get_running_loop(), todo, track._queue, threading.Event()),
    )
    worker.start()
    async with asyncio.timeout(60):
        while worker.is_alive() or track._queue.qsize() < len(frames) * 9 // 10:
            await asyncio.sleep(0.01)
    worker.join(10)
    buffer = JitterBuffer()
    for i, frame in enumerate(frames):
        buffer.put(1, i * FRAME, frame.data, i * 0.02)
    assert len(buffer._arrived) <= MAX_PACKETS
    buffer.pop()
    assert len(buffer._timeline.store) <= MAX_PACKETS
