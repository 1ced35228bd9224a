"""The CxEngage stand-in as a site of the contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from appliance.platforms.cxengage.driver import CxEngageDriver
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.protocol import Driver, Sink
from tests.platforms.cxengage.process import AGENTS, BOX, USERS, StandinProcess, running_standin
from tests.platforms.site import Party, SiteCall


class CxEngageParty:
    """One of the two on a call."""

    def __init__(self, standin: StandinProcess, call: str, side: str) -> None:
        self._standin, self._call, self._side = standin, call, side

    async def tone(self, hz: float | None, dbfs: float = -20.0) -> None:
        await self._standin.do("tone", call=self._call, party=self._side, hz=hz, dbfs=dbfs)

    async def level(self, hz: float, seconds: float = 1.0) -> float:
        said = await self._standin.do(
            "level", call=self._call, party=self._side, hz=hz, seconds=seconds
        )
        return float(said)

    async def notices(self) -> list[str]:
        return list(await self._standin.do("notices", call=self._call, party=self._side))

    async def hang_up(self) -> None:
        await self._standin.do("end", call=self._call, by=self._side)


class CxEngageCall:
    """A call at the stand-in."""

    def __init__(self, standin: StandinProcess, call: str) -> None:
        self._standin, self.id = standin, call
        self.agent: Party = CxEngageParty(standin, call, "agent")
        self.customer: Party = CxEngageParty(standin, call, "customer")

    async def active(self) -> bool:
        return bool(await self._standin.do("active", call=self.id))

    async def transfer(self, agent_id: str) -> None:
        await self._standin.do("transfer", call=self.id, to=agent_id)

    async def hold(self, held: bool) -> None:
        await self._standin.do("hold", call=self.id, held=held)

    async def remove_supervisors(self) -> None:
        await self._standin.do("remove_supervisors", call=self.id)

    async def silence_supervisors(self) -> None:
        await self._standin.do("silence_supervisors", call=self.id)


class AtDesk(CxEngageDriver):
    """A driver that takes an account while it runs, since two cannot share one."""

    def __init__(self, settings: CxEngageSettings, taken: list[str]) -> None:
        super().__init__(settings)
        self._user, self._taken = settings.user, taken

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        self._taken.append(self._user)
        await super().start(sink, kept)

    async def stop(self) -> None:
        await super().stop()
        if self._user in self._taken:
            self._taken.remove(self._user)


class CxEngageSite:
    """Implements `tests.platforms.site.Site`."""

    name = "cxengage"
    agent_ids = (AGENTS[0][0], AGENTS[1][0])
    wrong_credentials: dict[str, object] = {"password": "not-the-one"}  # noqa: RUF012 - never changed

    def __init__(self, standin: StandinProcess) -> None:
        self._standin = standin
        self._taken: list[str] = []

    def driver(self, **settings: object) -> Driver:
        user = next(name for name in USERS if name not in self._taken)
        fields = self.section(user)
        for field, value in settings.items():
            known = fields.get(field)
            if isinstance(known, dict) and isinstance(value, dict):
                value = {**known, **value}
            fields[field] = value
        return AtDesk(self._standin.driver_settings(user, **fields), self._taken)

    def section(self, user: str) -> dict[str, Any]:
        """What this user's box has set besides."""
        return {}

    def settings(self) -> dict[str, Any]:
        return {**self._standin.section(BOX), **self.section(BOX)}

    async def call(self, *, agent_id: str | None = None, monitoring: str = "on") -> SiteCall:
        agent = agent_id or self.agent_ids[0]
        call = await self._standin.do("create_call", agent=agent, flow=monitoring)
        return CxEngageCall(self._standin, call)

    async def ours(self) -> list[str]:
        return list(await self._standin.do("ours"))

    def pid(self) -> int:
        return self._standin.pid

    async def stop(self) -> None:
        await self._standin.kill()

    async def start(self) -> None:
        await self._standin.start()

    async def regroup(self) -> None:
        return  # the people live in the stand-in, and its door is opened for each operation

    async def listed(self, count: int) -> None:
        await self._standin.do("listed", count=count)


@asynccontextmanager
async def cxengage_site(directory: Path) -> AsyncIterator[CxEngageSite]:
    """A running stand-in without calls."""
    async with running_standin(directory) as standin:
        yield CxEngageSite(standin)
