"""A path without packets is asked whether it is dead: a silent platform's is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aioice import ice, stun

from appliance.leg.path import UNANSWERED, watch_path
from appliance.leg.peer import Peer
from appliance.webrtc import path_answers
from tests.support.leg_media import new_track
from tests.support.peer import Peer as OtherEnd

pytestmark = pytest.mark.usefixtures("only_loopback", "aiortc_may_wait")


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Peer, OtherEnd]]:
    other, peer = OtherEnd(), Peer(new_track(), "sendrecv", [], lambda: None)
    await other.accept(await peer.answer(await other.offer()))
    await peer.until_up(10)
    yield peer, other
    await peer.close()
    await other.close()


def cut_off(end: OtherEnd) -> None:
    """From now on it takes nothing in; nobody is told."""
    (transport,) = {r.transport.transport for r in end.connection.getReceivers()}
    for pair in transport._connection._nominated.values():
        vars(pair.protocol)["datagram_received"] = lambda data, addr: None


async def test_a_far_end_that_is_there_answers_and_one_that_is_cut_off_does_not(
    ends: tuple[Peer, OtherEnd],
) -> None:
    peer, other = ends
    assert await peer.answers()
    cut_off(other)
    assert not await peer.answers()


async def test_nobody_answers_over_what_is_not_connected_or_closed(
    ends: tuple[Peer, OtherEnd],
) -> None:
    fresh = Peer(new_track(), "sendrecv", [], lambda: None)
    await fresh.offer()
    assert not await fresh.answers()
    await fresh.close()
    peer, _ = ends
    await peer.close()
    assert not await peer.answers()


async def test_a_connection_that_is_closed_while_it_is_asked_does_not_answer(
    ends: tuple[Peer, OtherEnd],
) -> None:
    peer, other = ends
    cut_off(other)
    asking = asyncio.create_task(path_answers(peer._connection))
    await asyncio.sleep(0)  # the question is out
    await peer.close()
    assert not await asking


async def test_an_error_is_an_answer_too(
    ends: tuple[Peer, OtherEnd], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, _ = ends

    async def refuse(*words: object, **more: object) -> None:
        raise stun.TransactionFailed(stun.Message(stun.Method.BINDING, stun.Class.ERROR))

    monkeypatch.setattr(ice.StunProtocol, "request", refuse)
    assert await path_answers(peer._connection)


class Line:
    """A peer that answers as told."""

    def __init__(self, *answers: bool) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def answers(self) -> bool:
        self.asked += 1
        return self._answers.pop(0) if self._answers else True


@pytest.mark.parametrize(
    ("answers", "deaths"),
    [
        ([False] * UNANSWERED, 1),
        ([False] * (UNANSWERED - 1), 0),
        ([*[False] * (UNANSWERED - 1), True, *[False] * (UNANSWERED - 1)], 0),
        ([True] * 3 * UNANSWERED, 0),
    ],
)
async def test_only_so_many_silences_in_a_row_are_a_death(
    monkeypatch: pytest.MonkeyPatch, answers: list[bool], deaths: int
) -> None:
    monkeypatch.setattr("appliance.leg.path.ASK_S", 0.0)
    line: Any = Line(*answers)
    dead: list[bool] = []
    watching = asyncio.create_task(watch_path(lambda: line, lambda: dead.append(True)))
    async with asyncio.timeout(10):
        while line.asked < len(answers) + 2:
            await asyncio.sleep(0)
    watching.cancel()
    assert len(dead) == deaths


async def test_what_is_not_suspected_is_not_asked_and_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("appliance.leg.path.ASK_S", 0.0)
    first: Any = Line(*[False] * (UNANSWERED - 1))
    second: Any = Line(False)
    dead: list[bool] = []
    suspect: list[Any] = [first]
    watching = asyncio.create_task(watch_path(lambda: suspect[0], lambda: dead.append(True)))
    async with asyncio.timeout(10):
        while first.asked < UNANSWERED - 1:
            await asyncio.sleep(0)
        suspect[0] = None
        for _ in range(10):
            await asyncio.sleep(0)
        asked = first.asked
        suspect[0] = second
        while second.asked < 3:
            await asyncio.sleep(0)
    watching.cancel()
    assert asked == UNANSWERED - 1
    assert dead == []
