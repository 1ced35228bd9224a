"""Who gives way when all places at the door are taken."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

from appliance.console import door as door_module
from appliance.console.door import Door
from appliance.console.metrics import Counters
from appliance.console.visitors import FAIR_SHARE, Visit, Visitors
from tests.support.strangers import ELSEWHERE, HERE


class Clock:
    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class House:
    """A house with so many places, and who was shown out of it."""

    def __init__(self, limit: int) -> None:
        self.counters = Counters()
        self.visitors = Visitors(limit, self.counters, Clock())
        self.out: list[str] = []
        self._port = 0

    def enter(self, name: str, address: str = HERE, **state: bool) -> Visit | None:
        self._port += 1
        visit = self.visitors.enter((address, self._port))
        if visit is not None:
            visit.end = lambda: self.out.append(name)
            visit.known, visit.busy = state.get("known", False), state.get("busy", False)
        return visit


def test_the_oldest_stranger_gives_way_and_the_signed_in_stay() -> None:
    house = House(4)
    house.enter("sam", known=True)
    first = house.enter("first")
    house.enter("second")
    house.enter("stream", known=True, busy=True)
    assert house.enter("third")
    assert house.out == ["first"]
    assert first is not None
    house.visitors.leave(first)
    assert len(house.visitors) == 4
    house.enter("fourth")
    house.enter("fifth")
    assert house.out == ["first", "second", "third"]
    assert house.counters.displaced == 3


def test_a_connection_that_moves_is_not_the_oldest() -> None:
    house = House(2)
    first = house.enter("first")
    house.enter("second")
    assert first is not None
    house.visitors.turn(first, busy=True)
    house.visitors.turn(first, busy=False)
    house.enter("third")
    assert house.out == ["second"]


def test_a_crowd_from_one_address_gives_way_first_even_when_it_is_busy() -> None:
    house = House(FAIR_SHARE + 2)
    house.enter("guest", ELSEWHERE)
    for number in range(FAIR_SHARE + 1):
        house.enter(f"crowd {number}", busy=number == 0)
    house.enter("newcomer", ELSEWHERE)
    assert house.out == ["crowd 1"], "the idle one first"
    house.enter("another", ELSEWHERE)
    assert house.out == ["crowd 1", "guest"], "a fair share is not held against an address"


def test_the_signed_in_give_way_only_when_all_are_and_never_while_answered() -> None:
    house = House(2)
    rest = house.enter("rest", known=True)
    house.enter("stream", known=True, busy=True)
    assert house.enter("new", known=True, busy=True)
    assert house.out == ["rest"]
    assert rest is not None
    assert house.enter("one too many") is None
    assert len(house.visitors) == 2
    assert house.out == ["rest"]


async def test_without_descriptors_the_door_waits_and_opens_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Poor(socket.socket):
        refusals = 3

        def accept(self) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    monkeypatch.setattr(door_module, "PAUSE_S", 0.01)
    came = asyncio.Event()

    class Greeter(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            came.set()
            transport.close()

    house = House(9)
    idle = house.enter("idle")
    with Poor() as listener:
        listener.bind((HERE, 0))
        listener.listen()
        listener.setblocking(False)
        door = Door(listener, house.visitors)
        door.open(lambda visit: Greeter())
        async with asyncio.timeout(20):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            await came.wait()
        writer.close()
        door.close()
    assert idle is not None
    assert house.out == ["idle"]
    assert caplog.text.count("cannot be accepted") == 1  # said once a minute
