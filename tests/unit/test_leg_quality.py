"""The figures of each second: a real jitter buffer with real Opus, on a made-up clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_link.events import Quality
from appliance.control_link.quality import Rating
from appliance.leg.codecs.opus import DTX_PAYLOAD, FRAME, Encoder, packet_samples
from appliance.leg.quality.arrivals import Arrivals
from appliance.leg.quality.meter import QualityMeter
from appliance.leg.quality.windows import Window
from appliance.leg.receive.jitter import JitterBuffer

PLAYBACK_MS = 40.0


@pytest.fixture(scope="module")
def speech() -> list[bytes]:
    """10 s of Opus packets with in-band copies: a tone that swells as syllables do."""
    encoder = Encoder(40_000, 5, 10)
    time = np.arange(500 * FRAME) / 48_000
    wave = np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 4 * time)) * 6_000
    samples = wave.astype(np.int16)
    return [encoder.encode(samples[i * FRAME : (i + 1) * FRAME]) for i in range(500)]


@dataclass(frozen=True)
class Sent:
    """A packet, and when it comes; never without *at*."""

    sequence: int
    timestamp: int
    payload: bytes
    at: float | None


class Call:
    """A clock that packets, playback and measurements go by."""

    def __init__(self, codec: str = "OPUS") -> None:
        self.now = 0.0
        self.codec = codec
        self.line = (JitterBuffer(), Arrivals())
        self.meter = QualityMeter("s", PLAYBACK_MS, clock=lambda: self.now)

    def run(
        self, packets: Iterator[Sent], seconds: int, round_trip_ms: float | None = None
    ) -> list[Quality]:
        """Play so long; one measurement a second."""
        coming = sorted(
            (packet for packet in packets if packet.at is not None), key=lambda p: p.at or 0.0
        )
        figures = []
        for tick in range(1, seconds * 100 + 1):
            self.now = tick * 0.01
            while coming and (coming[0].at or 0.0) <= self.now:
                self._put(coming.pop(0))
            self.line[0].pop()
            if tick % 100 == 0:
                figures.append(self.meter.measure([self.line], tick // 2, round_trip_ms))
        return figures

    def _put(self, packet: Sent) -> None:
        samples = packet_samples(packet.payload)
        at = packet.at or 0.0
        self.line[0].put(1, packet.timestamp, packet.payload, at)
        self.line[1].add(
            1,
            packet.sequence & 0xFFFF,
            packet.timestamp,
            samples,
            at,
            pauses=len(packet.payload) <= DTX_PAYLOAD,
            codec=self.codec,
        )


def stream(
    speech: list[bytes], seconds: float, lost: Callable[[int], bool] = lambda i: False
) -> Iterator[Sent]:
    """An even stream, without the packets that are *lost*."""
    for i in range(int(seconds * 50)):
        yield Sent(i, i * FRAME, speech[i % 500], None if lost(i) else 0.005 + i * 0.02)


def test_a_clean_line_is_good(speech: list[bytes]) -> None:
    figures = Call().run(stream(speech, 5), 5)
    for second in figures[1:]:
        assert (second.lost_percent, second.concealed_percent) == (0, 0)
        assert second.rating is Rating.GOOD
        assert second.mos is not None
        assert second.mos > 4.3
        assert second.round_trip_ms is None
        assert second.mouth_to_ear_ms == pytest.approx(
            20 + 6.5 + second.delay_ms + PLAYBACK_MS, abs=0.2
        )
    last = figures[-1]
    assert last.session.lost_percent == 0
    assert last.session.mos == pytest.approx(last.mos, abs=0.1)
    assert (last.received, last.lost, last.sent) == (250, 0, 250)


def test_a_narrow_codec_is_never_called_good(speech: list[bytes]) -> None:
    codecs = ("OPUS", "G722", "PCMA", "PCMU")
    ratings = [Call(codec).run(stream(speech, 3), 3)[-1].rating for codec in codecs]
    assert ratings == [Rating.GOOD, Rating.GOOD, Rating.FAIR, Rating.FAIR]


def test_a_connection_made_anew_goes_on_counting(speech: list[bytes]) -> None:
    call = Call()
    first = call.run(stream(speech, 3, lambda i: i == 60), 3)[-1]
    assert (first.received, first.lost, first.sent) == (149, 1, 150)
    call.line = (JitterBuffer(), Arrivals())
    second = call.run(stream(speech, 2), 2)[-1]
    assert (second.received, second.lost, second.sent) == (249, 1, 250)
    assert second.lost_percent == 0
    assert second.session.lost_percent == pytest.approx(100 / 250, abs=0.01)


def test_half_the_round_trip_belongs_to_the_way(speech: list[bytes]) -> None:
    near = Call().run(stream(speech, 3), 3)[-1]
    far = Call().run(stream(speech, 3), 3, round_trip_ms=600.0)[-1]
    assert near.mouth_to_ear_ms is not None
    assert far.mouth_to_ear_ms == pytest.approx(near.mouth_to_ear_ms + 300, abs=0.2)
    assert far.round_trip_ms == 600.0
    assert near.mos is not None
    assert far.mos is not None
    assert far.mos < near.mos - 0.5


def test_the_figures_fall_with_the_loss(speech: list[bytes]) -> None:
    opinions = []
    for percent in (0, 3, 10, 30):
        dice = random.Random(4)
        last = Call().run(
            stream(speech, 10, lambda i: i > 5 and dice.random() < percent / 100),  # noqa: B023
            10,
        )[-1]
        assert last.session.lost_percent == pytest.approx(percent, abs=max(1.5, percent / 4))
        assert last.session.concealed_percent is not None
        assert last.session.concealed_percent >= (last.session.lost_percent or 0) * 0.7
        opinions.append(last.session.mos or 0.0)
        assert last.session.mos_worst is not None
        assert last.session.mos_worst <= opinions[-1]
    assert opinions == sorted(opinions, reverse=True)
    assert opinions[0] - opinions[-1] > 1.0


def test_a_burst_shows_in_its_second_and_as_the_worst(speech: list[bytes]) -> None:
    figures = Call().run(stream(speech, 6, lambda i: 160 <= i < 175), 6)
    worst = min(figures, key=lambda second: second.mos or 5.0)
    assert worst is figures[3]
    assert worst.lost_percent == pytest.approx(30, abs=3)
    assert worst.rating is not Rating.GOOD
    assert figures[-1].mos is not None
    assert figures[-1].mos > 4.2
    assert figures[-1].session.mos_worst == worst.mos


def test_hold_is_not_bad(speech: list[bytes]) -> None:
    """Nothing is sent for 3 s, and no packet says so: unknown meanwhile, nothing wrong after."""

    def held() -> Iterator[Sent]:
        for i in range(150):
            yield Sent(i, i * FRAME, speech[i], 0.005 + i * 0.02)
        for i in range(150, 300):
            yield Sent(i, (i + 150) * FRAME, speech[i], 3.005 + i * 0.02)

    figures = Call().run(held(), 9)
    assert [second.mos for second in figures[4:6]] == [None, None]
    assert [second.rating for second in figures[4:6]] == [None, None]
    assert [second.lost_percent for second in figures[4:6]] == [None, None]
    assert all(second.lost == 0 for second in figures)
    for second in (*figures[1:3], *figures[7:]):
        assert second.rating is Rating.GOOD
    assert figures[6].rating is not Rating.POOR  # the sound did stop, and begin again
    assert figures[-1].concealed_ms < 300
    assert figures[-1].session.mos_worst is not None
    assert figures[-1].session.mos_worst > 3.1


def test_an_outage_is_bad_once_it_is_known_to_be_one(speech: list[bytes]) -> None:
    figures = Call().run(stream(speech, 9, lambda i: 150 <= i < 300), 9)
    assert [second.mos for second in figures[4:6]] == [None, None]
    after = figures[6]
    assert after.rating is Rating.POOR
    assert after.lost_percent == pytest.approx(75, abs=3)
    assert figures[-1].rating is Rating.GOOD
    assert figures[-1].session.lost_percent == pytest.approx(100 * 150 / 450, abs=1)


def test_comfort_noise_is_not_bad(speech: list[bytes]) -> None:
    """A DTX sender speaks for a second, then announces a pause and repeats that each 400 ms."""

    def dtx() -> Iterator[Sent]:
        sequence = 0
        for i in range(400):
            if i % 100 < 50:
                yield Sent(sequence, i * FRAME, speech[i], 0.005 + i * 0.02)
            elif i % 100 in (50, 70, 90):
                yield Sent(sequence, i * FRAME, speech[0][:1], 0.005 + i * 0.02)
            else:
                continue
            sequence += 1

    for second in Call().run(dtx(), 8)[1:]:
        assert second.lost == 0
        assert second.rating is Rating.GOOD


def test_the_delay_is_that_of_the_whole_second(speech: list[bytes]) -> None:
    call = Call()
    call.run(stream(speech, 1), 1)
    waits = []
    for wait in range(9):
        call.line[0].delay_ms = 20.0 + 10 * wait
        waits.append(call.line[0].delay_ms)
        call.meter.sample([call.line])
    call.line[0].delay_ms = 300.0
    second = call.meter.measure([call.line], 0, None)
    assert second.delay_ms == pytest.approx((sum(waits) + 300.0) / 10, abs=0.1)
    call.line[0].delay_ms = 30.0
    assert call.meter.measure([call.line], 0, None).delay_ms == 30.0


def test_nothing_yet_is_nothing_known() -> None:
    (second,) = Call().run(iter(()), 1)
    assert (second.mos, second.lost_percent, second.concealed_percent) == (None, None, None)
    assert second.mouth_to_ear_ms is None
    assert second.session.mos is None
    assert (second.received, second.lost, second.sent) == (0, 0, 50)


def test_a_line_that_nobody_uses_does_not_dilute_the_other(speech: list[bytes]) -> None:
    call = Call()
    idle = (JitterBuffer(), Arrivals())
    call.run(stream(speech, 2, lambda i: i % 2 == 1), 1)
    alone = call.meter
    call.now = 2.0
    for packet in stream(speech, 2, lambda i: i < 50 or i % 2 == 1):
        if packet.at is not None:
            call._put(packet)
    second = alone.measure([call.line, idle], 0, None)
    assert second.lost_percent == pytest.approx(50, abs=3)


@given(
    st.integers(1, 5_000),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.floats(0, 1e7),
    st.floats(0, 1e7),
)
def test_percentages_stay_percentages(
    expected: int, lost: int, bursts: int, concealed: float, recovered: float
) -> None:
    lost = min(lost, expected)
    window = Window(48_000.0, expected, lost, min(bursts, lost), concealed, recovered, concealed)
    for value in (window.percent(window.concealed), window.lost_percent()):
        assert value is not None
        assert 0 <= value <= 100
    assert 0 <= window.unrepaired_percent() <= 100
    assert window.burst_ratio() >= 0
