"""What goes on in the centre by itself: lively calls, and changes among the listed ones."""

from __future__ import annotations

import asyncio
import time
from random import Random

from appliance.platforms.sandbox.centre.call import Call, EndedBy
from appliance.platforms.sandbox.centre.exchange import Exchange
from appliance.platforms.sandbox.centre.tenant import AGENTS, cast, seeded
from appliance.service.tasks import deadly_task, stop_tasks

LISTED = "listed"
CHANGE_INTERVAL = 0.05
TRANSFER_SECONDS = 2.0
AT_ONCE = 100
"""Calls begun in one go: mixing must not wait for more."""


class Life:
    """Owns the tasks that let things happen; everything is drawn from the seed."""

    def __init__(self, exchange: Exchange, seed: int, pace: float) -> None:
        self._exchange = exchange
        self._seed = seed
        self._pace = pace
        self._tasks: list[asyncio.Task[None]] = []
        self._listed: list[Call] = []
        self._changes_per_second = 0.0
        self._random = seeded(seed, LISTED)

    def start(self, lively: int) -> None:
        """Begin *lively* calls at once, and begin another for each that ends."""
        for slot in range(lively):
            self._tasks.append(deadly_task(self._slot(slot), f"lively call {slot}"))
        self._tasks.append(deadly_task(self._churn(), "changes among the listed"))

    async def stop(self) -> None:
        """Nothing more happens by itself."""
        await stop_tasks(*self._tasks)

    async def set_listed(self, count: int, changes_per_second: float) -> None:
        """Have *count* listed interactions, of which so many change each second."""
        self._changes_per_second = changes_per_second
        while len(self._listed) != count:
            for _ in range(min(AT_ONCE, abs(count - len(self._listed)))):
                if len(self._listed) > count:
                    self._exchange.end(self._listed.pop(), "platform")
                else:
                    self._listed.append(self._exchange.begin(cast(self._random), prefix=LISTED))
            await asyncio.sleep(0)

    async def _slot(self, slot: int) -> None:
        random = seeded(self._seed, slot)
        while True:
            call = self._exchange.begin(cast(random))
            await self._talk(call, random)
            self._exchange.end(call, random.choice(_ENDERS))
            await self._pause(random, 1, 6)

    async def _talk(self, call: Call, random: Random) -> None:
        await self._pause(random, 40, 120)
        if call.talking and random.random() < 0.6:
            self._exchange.hold(call)
            await self._pause(random, 6, 15)
            if call.held:
                self._exchange.unhold(call)
            await self._pause(random, 20, 60)
        if call.talking and random.random() < 0.4:
            other = random.choice([agent for agent in AGENTS if agent != call.agent])
            await self._exchange.transfer(call, other, TRANSFER_SECONDS / self._pace)
            await self._pause(random, 30, 90)

    async def _pause(self, random: Random, least: float, most: float) -> None:
        await asyncio.sleep(random.uniform(least, most) / self._pace)

    async def _churn(self) -> None:
        owed, then = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(CHANGE_INTERVAL)
            now = time.monotonic()
            owed = min(owed + (now - then) * self._changes_per_second, self._changes_per_second)
            then = now
            while owed >= 1 and self._listed:
                owed -= 1
                self._change_one()

    def _change_one(self) -> None:
        """Hold or take back a listed call, or end it and begin another in its place."""
        place = self._random.randrange(len(self._listed))
        call = self._listed[place]
        kind = self._random.random()
        if not call.active or (kind < 0.2 and not call.legs):
            self._exchange.end(call, self._random.choice(_ENDERS))
            self._listed[place] = self._exchange.begin(cast(self._random), prefix=LISTED)
        elif call.talking:
            self._exchange.hold(call)
        elif call.held:
            self._exchange.unhold(call)


_ENDERS: tuple[EndedBy, ...] = ("agent", "customer", "customer")
