"""What a driver tells of its connection, and how often it tries."""

from __future__ import annotations

import asyncio

import pytest

from appliance.platforms.protocol import PlatformConnection, PlatformError, PlatformEvent
from appliance.platforms.telling import Teller


class World:
    """Lives through one connection after another as it is told, and notes the pauses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lives: list[str]) -> None:
        self.told: list[PlatformEvent] = []
        self.pauses: list[float] = []
        self._lives = lives
        self.teller = Teller()
        self.teller.sink = self.told.append
        self._really_sleep = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    async def live(self) -> None:
        how = self._lives.pop(0)
        if how.startswith("well"):
            self.teller.all_is_well()
        if how == "well, told":
            self.teller.complain("Lost.")
            return
        if how == "long":
            await self._really_sleep(0.1)
        raise PlatformError("Lost.")

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if not self._lives:
            raise asyncio.CancelledError

    async def run(self) -> None:
        with pytest.raises(asyncio.CancelledError):
            await self.teller.stay_connected(self.live, 0.01, 0.05)


async def test_a_complaint_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, ["lost", "lost", "well", "lost"])
    await world.run()
    lost = PlatformConnection(connected=False, detail="Lost.")
    assert world.told == [lost, PlatformConnection(connected=True), lost]
    assert not world.teller.well


@pytest.mark.parametrize("good", ["well, told", "long"])
async def test_the_pauses_grow_until_a_connection_stood(
    monkeypatch: pytest.MonkeyPatch, good: str
) -> None:
    world = World(monkeypatch, ["lost", "lost", "lost", "lost", "lost", good, "lost"])
    await world.run()
    assert world.pauses == [0.01, 0.02, 0.04, 0.05, 0.05, 0.01, 0.02]


async def test_who_lets_us_in_and_throws_us_out_is_not_hammered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, ["well"] * 4)
    await world.run()
    assert world.pauses == [0.01, 0.02, 0.04, 0.05]
