"""What looks at a call's room mean: who is gone for good, and which line takes whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_link.words import EndReason
from appliance.platforms.janus.watch import GRACE_S, Watch, moves

BOTH = frozenset({"ada", "cust"})
feeds = st.frozensets(st.sampled_from(["ada", "grace", "cust", "guest"]))


def watch() -> Watch:
    return Watch("cust")


def test_a_call_goes_on_while_both_are_there() -> None:
    looked = watch()
    assert [looked.look(BOTH, "in-conversation", now) for now in (0.0, 5.0, 50.0)] == [None] * 3


@pytest.mark.parametrize(
    ("left", "reason"), [("ada", EndReason.CUSTOMER_ENDED), ("cust", EndReason.AGENT_ENDED)]
)
def test_who_stays_away_has_ended_it(left: str, reason: EndReason) -> None:
    looked = watch()
    assert looked.look(frozenset({left}), "in-conversation", 10.0) is None
    assert looked.look(frozenset({left}), "in-conversation", 10.1 + GRACE_S) is reason


def test_who_comes_back_in_time_has_not() -> None:
    looked = watch()
    gone = frozenset({"ada"})
    assert looked.look(gone, "in-conversation", 0.0) is None
    assert looked.look(BOTH, "in-conversation", GRACE_S) is None
    assert looked.look(gone, "in-conversation", GRACE_S + 0.1) is None


@pytest.mark.parametrize("state", ["transferring", "on-hold", "ringing"])
def test_an_unsettled_call_may_be_without_an_agent(state: str) -> None:
    looked = watch()
    alone = frozenset({"cust"})
    assert [looked.look(alone, state, now) for now in (0.0, 60.0)] == [None, None]


def test_a_room_that_is_gone_names_whoever_went_first() -> None:
    assert watch().gone() is EndReason.CALL_ENDED
    looked = watch()
    looked.look(frozenset({"ada"}), "in-conversation", 0.0)
    looked.look(frozenset(), "in-conversation", 0.5)
    assert looked.gone() is EndReason.CUSTOMER_ENDED


def test_the_new_agent_takes_the_old_ones_line() -> None:
    lines = {"0": "ada", "1": "cust"}
    assert moves(lines, BOTH | {"grace"}) == {}
    assert moves(lines, frozenset({"grace", "cust"})) == {"0": "grace"}


@given(st.dictionaries(st.sampled_from("01234"), st.sampled_from(["ada", "cust", ""])), feeds)
def test_only_free_lines_are_moved_and_to_nobody_twice(
    lines: dict[str, str], here: frozenset[str]
) -> None:
    moved = moves(lines, here)
    assert all(lines[mid] not in here for mid in moved)
    assert len(set(moved.values())) == len(moved)
    assert set(moved.values()) <= here - set(lines.values())


@given(st.lists(st.tuples(feeds, st.floats(0.0, 2.0)), max_size=8))
def test_an_end_is_never_told_while_agent_and_customer_are_there(
    looks: list[tuple[frozenset[str], float]],
) -> None:
    looked, now = watch(), 0.0
    for here, passed in looks:
        now += passed
        reason = looked.look(here, "in-conversation", now)
        if "cust" in here and len(here) > 1:
            assert reason is None
