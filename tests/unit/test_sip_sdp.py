"""Descriptions within a call that is up: what is answered again, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.platforms.sip.sdp import answer_again, sections, text_of, with_mids
from tests.platforms.sip.ends import description

THEIRS, OURS = description(), description(user="b").replace("actpass", "active")
LINES = st.lists(st.sampled_from([*OURS.split("\r\n"), "m=audio 0", "m=", "a=mid:", "o=", ""]))


def test_what_has_not_changed_is_answered_as_before() -> None:
    assert answer_again(THEIRS, THEIRS, OURS, OURS) == OURS
    assert answer_again(THEIRS, description(2), OURS, OURS) == OURS


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_a_direction_is_followed_there_and_back(offered: str, answered: str) -> None:
    held = answer_again(THEIRS, description(2, offered), OURS, OURS)
    assert held is not None
    assert f"a={answered}\r\n" in held
    assert "o=b 1 2 " in held
    back = answer_again(description(2, offered), description(3), OURS, held)
    assert back is not None
    assert "a=sendrecv\r\n" in back
    assert "o=b 1 3 " in back


@pytest.mark.parametrize(
    "offer",
    [
        description(2, ufrag="other"),
        description(2).replace("AB:AB", "CD:CD"),
        description(2).replace("m=audio 9", "m=audio 0"),
        description(2).replace("m=audio", "m=video"),
        description(2).replace("opus/48000/2", "PCMA/8000"),
        description(2).replace("RTP/SAVPF 96 0", "RTP/SAVPF 97"),
        description(2) + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
        "",
    ],
)
def test_another_connection_is_refused(offer: str) -> None:
    assert answer_again(THEIRS, offer, OURS, OURS) is None


def test_an_offer_of_ours_becomes_an_answer() -> None:
    """What we offered once names the role that was left to them, and codecs that they dropped."""
    offer = description(2).replace("SAVPF 96 0", "SAVPF 0").replace("actpass", "active")
    answer = answer_again(THEIRS.replace("actpass", "active"), offer, THEIRS, THEIRS)
    assert answer is not None
    assert "a=setup:passive\r\n" in answer
    assert "SAVPF 0\r\n" in answer
    assert "a=rtpmap:96" not in answer


def test_media_without_a_name_take_the_offers() -> None:
    bare = OURS.replace("a=mid:0\r\n", "")
    assert "a=mid:0\r\n" in with_mids(THEIRS, bare)
    assert with_mids(THEIRS, OURS) == OURS
    assert with_mids("v=0\r\n", bare) == bare


@given(LINES, LINES, LINES)
def test_any_description_is_answered_or_refused(
    before: list[str], offer: list[str], ours: list[str]
) -> None:
    theirs, again, mine = ("\r\n".join(lines) for lines in (before, offer, ours))
    answer = answer_again(theirs, again, mine, mine)
    assert answer is None or answer == mine or text_of(sections(answer)) == answer
    assert len(sections(with_mids(theirs, again))) == len(sections(again))


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_looked_at(one: str, other: str) -> None:
    assert isinstance(with_mids(one, other), str)
    answer_again(one, other, one, other)
