"""The jitter buffer on a line that stands still for a moment, and then gives all at once."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.leg.codecs.opus import FRAME, Encoder, Samples
from appliance.leg.receive.jitter import JitterBuffer

SPOKEN, PAUSE = 48_000 * 9 // 10, 48_000 * 3 // 10


def talk(seconds: int) -> list[bytes]:
    """Packets of 20 ms: a vowel of 0.9 s and a pause of 0.3 s in turn."""
    time = np.arange(seconds * 48_000)
    vowel = sum(np.sin(2 * np.pi * 120 * k * time / 48_000) / k for k in range(1, 9))
    speech = (np.asarray(vowel) * 5_000 * (time % (SPOKEN + PAUSE) < SPOKEN)).astype(np.int16)
    encoder = Encoder(40_000, 5, 10)
    return [encoder.encode(speech[at : at + FRAME]) for at in range(0, len(speech), FRAME)]


TALK = talk(60)


def stalled(at: float, *begun: float, length: float = 0.2) -> float:
    """When a packet sent at *at* comes (s)."""
    for start in begun:
        if start <= at < start + length:
            return start + length
    return at


def delays(
    arrivals: list[float | None], *, live: float | None = None
) -> tuple[JitterBuffer, list[float], list[int]]:
    """Pop each 10 ms; with *live*, the supervisor talks from then on (s). The buffer's delay and
    the samples concealed so far, at each pop.
    """
    buffer = JitterBuffer()
    events = sorted((at, i) for i, at in enumerate(arrivals) if at is not None)
    late, concealed = [], []
    for tick in range(len(arrivals) * 2):
        now = tick * 0.01
        buffer.live = live is not None and now >= live
        while events and events[0][0] <= now:
            at, i = events.pop(0)
            buffer.put(1, i * FRAME, TALK[i], at)
        buffer.pop()
        late.append(buffer.delay_ms)
        concealed.append(buffer.stats.concealed)
    return buffer, late, concealed


def line(seconds: int, *begun: float) -> list[float | None]:
    return [stalled(i * 0.02, *begun) for i in range(seconds * 50)]


def test_listener_hears_little_of_the_second_stall() -> None:
    _, _, concealed = delays(line(12, 3.1, 8.1))
    first = concealed[450] - concealed[280]
    second = concealed[950] - concealed[780]
    assert first > 48 * 120
    assert second < first / 2


def test_delay_is_shorter_while_the_supervisor_talks() -> None:
    _, listening, _ = delays(line(12, 3.1, 8.1))
    _, talking, _ = delays(line(12, 3.1, 8.1), live=0.0)
    assert np.median(listening[550:800]) > np.median(talking[550:800]) + 40
    assert np.median(talking[550:800]) < 90


def test_delay_comes_down_once_the_supervisor_talks() -> None:
    _, late, _ = delays(line(14, 3.1, 8.1), live=10.0)
    assert np.median(late[900:1_000]) > 100
    assert np.median(late[1_200:1_400]) < 90


def test_stalls_are_forgotten_when_they_come_no_more() -> None:
    _, late, _ = delays(line(55, 3.1, 8.1))
    assert np.median(late[1_500:2_000]) > 100
    assert np.median(late[4_800:5_400]) < 50


@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.5])
def test_outage_is_over_when_the_packets_are_back(seconds: float) -> None:
    """No longer delay than before, nothing stretched, nothing made up any more."""
    arrivals = [None if 5.0 <= i * 0.02 < 5.0 + seconds else i * 0.02 for i in range(500)]
    buffer, late, concealed = delays(arrivals)
    back = int((5.0 + seconds) * 100) + 10
    assert concealed[back] == concealed[-20]
    assert max(late[back:990]) < max(late[100:490]) + 25
    assert buffer.stats.stretched < 48 * 20


def test_pause_is_left_out_at_once_and_no_word_is() -> None:
    """After a stall the surplus goes in few steps, each of them in a pause."""
    buffer = JitterBuffer()
    cuts: list[tuple[int, float]] = []
    heard: Samples = np.zeros(0, np.int16)
    events = [(at, i) for i, at in enumerate(line(14, 3.1, 8.1)) if at is not None]
    for tick in range(1_390):
        # It begins to talk in the middle of a vowel.
        buffer.live = tick >= 980
        while events and events[0][0] <= tick * 0.01:
            at, i = events.pop(0)
            buffer.put(1, i * FRAME, TALK[i], at)
        before = buffer.stats.stretched
        heard = buffer.pop()
        if tick >= 980 and buffer.stats.stretched > before:
            cuts.append((buffer.stats.stretched - before, float(np.abs(heard).max())))
    assert sum(size for size, _ in cuts) > 48 * 40
    assert len(cuts) <= 4
    assert all(loudness < 500 for _, loudness in cuts)
