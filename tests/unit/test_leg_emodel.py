"""The E-model against what ITU-T has published, and what must hold of any model of opinion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_link.quality import Rating, rating_of
from appliance.leg.quality.emodel import (
    BEST,
    G711,
    G722,
    OPUS,
    TO_NARROW,
    Codec,
    delay_impairment,
    loss_impairment,
    mos,
    opinion,
)

G729A = Codec(11.0, 19.0, 15.0)
"""With VAD, as in G.113 appendix I: the codec for which the most is published."""
CODECS = st.sampled_from([OPUS, G722, G711])
LOSS = st.floats(0, 100)
DELAY = st.floats(0, 2000)
BURST = st.floats(0, 10)


@pytest.mark.parametrize(
    ("rating", "published"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)]
)
def test_opinions_are_those_of_table_b1(rating: float, published: float) -> None:
    assert opinion(rating) == pytest.approx(published, abs=0.01)


def test_a_default_narrow_line_has_the_default_opinion() -> None:
    """R = 93.2 and MOS 4.41 (G.107 section 7.7); narrow band costs what G.711 is charged for."""
    assert opinion(93.2) == pytest.approx(4.41, abs=0.005)
    assert pytest.approx(93.2) == BEST - G711.impairment


@pytest.mark.parametrize(
    ("loss", "published"),
    [(0, 11), (0.5, 13), (1, 15), (1.5, 17), (2, 19), (3, 23), (4, 26), (8, 36), (16, 49)],
)
def test_loss_impairs_g729a_as_g113_says(loss: float, published: float) -> None:
    assert loss_impairment(G729A, loss) == pytest.approx(published, abs=0.6)


@pytest.mark.parametrize(
    ("delay_ms", "worked_out"), [(0, 0), (100, 0), (200, 3.04), (400, 24.07), (800, 40.83)]
)
def test_delay_impairs_as_worked_out_by_hand(delay_ms: float, worked_out: float) -> None:
    assert delay_impairment(delay_ms) == pytest.approx(worked_out, abs=0.01)


def test_codecs_stand_in_their_order() -> None:
    opus, g722, g711 = (mos(codec, 0, 80) for codec in (OPUS, G722, G711))
    assert opus > g722 > g711
    assert rating_of(opus) is Rating.GOOD
    assert rating_of(g711) is Rating.FAIR


def test_bursts_are_worse_than_the_same_loss_at_random() -> None:
    assert mos(OPUS, 3, 80, 1.0) > mos(OPUS, 3, 80, 2.0)


@given(CODECS, LOSS, DELAY, BURST)
def test_bounded(codec: Codec, loss: float, delay_ms: float, burst: float) -> None:
    assert 1.0 <= mos(codec, loss, delay_ms, burst) <= 4.5


@given(CODECS, LOSS, LOSS, DELAY, BURST)
def test_more_loss_is_never_better(
    codec: Codec, one: float, other: float, delay_ms: float, burst: float
) -> None:
    less, more = sorted((one, other))
    assert mos(codec, more, delay_ms, burst) <= mos(codec, less, delay_ms, burst) + 1e-9


@given(CODECS, LOSS, DELAY, DELAY)
def test_more_delay_is_never_better(codec: Codec, loss: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert mos(codec, loss, more) <= mos(codec, loss, less) + 1e-9


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_opinion_rises_with_the_rating(one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert 1.0 <= opinion(worse) <= opinion(better) + 1e-9 <= 4.5 + 1e-9


@pytest.mark.parametrize(
    ("value", "rating"),
    [
        (4.5, Rating.GOOD),
        (4.0, Rating.GOOD),
        (3.99, Rating.FAIR),
        (3.10, Rating.FAIR),
        (3.09, Rating.POOR),
        (1.0, Rating.POOR),
    ],
)
def test_words_change_about_where_those_of_table_b1_do(value: float, rating: Rating) -> None:
    assert rating_of(value) is rating
    assert opinion(BEST / TO_NARROW) == pytest.approx(4.5)
