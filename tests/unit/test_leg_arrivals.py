"""What sequence numbers tell: lost, late, doubled, paused, another stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.leg.codecs.opus import FRAME
from appliance.leg.quality.arrivals import MAX_DROPOUT, Arrivals


def add(
    arrivals: Arrivals,
    number: int,
    *,
    at: float | None = None,
    time: int | None = None,
    ssrc: int = 1,
    pauses: bool = False,
) -> None:
    """Packet *number* of an even stream, or as said."""
    arrivals.add(
        ssrc,
        number & 0xFFFF,
        ((number if time is None else time) * FRAME) & 0xFFFFFFFF,
        FRAME,
        number * 0.02 if at is None else at,
        pauses=pauses,
    )


def counted(*numbers: int) -> Arrivals:
    arrivals = Arrivals()
    for number in numbers:
        add(arrivals, number)
    return arrivals


def test_nothing_is_lost_of_an_even_stream_over_the_wrap() -> None:
    arrivals = counted(*range(65_500, 65_600))
    assert (arrivals.expected, arrivals.received, arrivals.lost) == (100, 100, 0)
    assert (arrivals.bursts, arrivals.paused) == (0, 0)


def test_gaps_are_counted_with_their_packets() -> None:
    arrivals = counted(1, 2, 4, 5, 9, 10)
    assert (arrivals.expected, arrivals.received) == (10, 6)
    assert (arrivals.lost, arrivals.bursts) == (4, 2)
    assert arrivals.paused == 0


def test_one_that_comes_late_is_not_lost() -> None:
    arrivals = counted(1, 2, 4, 3, 5)
    assert (arrivals.lost, arrivals.received) == (0, 5)


def test_a_copy_of_the_newest_is_not_counted() -> None:
    arrivals = counted(1, 2, 2, 4)
    assert (arrivals.lost, arrivals.received) == (1, 3)


def test_a_pause_of_the_sender_is_no_loss() -> None:
    arrivals = counted(1, 2)
    add(arrivals, 3, time=53)
    assert (arrivals.lost, arrivals.paused) == (0, 50 * FRAME)


def test_a_pause_that_was_announced_needs_no_excuse() -> None:
    arrivals = counted(1)
    add(arrivals, 2, pauses=True)
    add(arrivals, 3, time=22)
    assert (arrivals.lost, arrivals.paused) == (0, 0)


def test_an_outage_is_a_loss_and_no_pause() -> None:
    arrivals = counted(1, 2, 103)
    assert (arrivals.lost, arrivals.paused) == (100, 0)


def test_another_source_is_not_compared_with_the_one_before() -> None:
    arrivals = counted(1, 2)
    add(arrivals, 40_000, ssrc=2, at=3.04)
    add(arrivals, 40_001, ssrc=2, at=3.06)
    assert (arrivals.lost, arrivals.received) == (0, 4)
    assert abs(arrivals.paused - 3 * 48_000 + FRAME) < FRAME


def test_a_stray_is_nothing_and_two_in_a_row_are_a_new_beginning() -> None:
    arrivals = counted(1, 2)
    add(arrivals, 2 + MAX_DROPOUT + 5, at=0.06)
    assert (arrivals.received, arrivals.lost) == (2, 0)
    add(arrivals, 30_000, at=0.06)
    add(arrivals, 30_001, at=0.08)
    add(arrivals, 30_002, at=0.10)
    assert (arrivals.received, arrivals.lost) == (4, 0)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 65_535), st.integers(0, 2**32 - 1))))
def test_no_stream_makes_the_counts_absurd(packets: list[tuple[int, int, int]]) -> None:
    arrivals = Arrivals()
    before = 0
    for i, (ssrc, sequence, timestamp) in enumerate(packets):
        arrivals.add(ssrc, sequence, timestamp, FRAME, i * 0.02)
        assert before <= arrivals.expected <= before + MAX_DROPOUT
        assert 0 <= arrivals.lost <= arrivals.expected
        assert arrivals.bursts >= 0
        assert arrivals.paused >= 0
        before = arrivals.expected
    assert arrivals.received <= len(packets)
