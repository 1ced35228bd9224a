"""The sandbox contact centre as a site of the contract suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from appliance.platforms.protocol import Driver
from appliance.platforms.sandbox.driver import SandboxDriver
from appliance.platforms.sandbox.settings import SandboxSettings
from tests.platforms.site import Party, SiteCall
from tests.support.centre import Administrator, CentreProcess, running_centre

FLOWS = {"on": "Support", "off": "Works council", "absent": "Emergency line"}


class SandboxParty:
    """One of the two on a call."""

    def __init__(self, admin: Administrator, call: str, side: str) -> None:
        self._admin, self._call, self._side = admin, call, side

    async def tone(self, hz: float | None, dbfs: float = -20.0) -> None:
        await self._admin.tone(self._call, self._side, hz, dbfs)

    async def level(self, hz: float, seconds: float = 1.0) -> float:
        return await self._admin.measure(self._call, self._side, hz, seconds)

    async def notices(self) -> list[str]:
        seen = (await self._admin.roster(self._call))[self._side]
        names = [f"{entry['role']} {entry['name']}" for entry in seen["roster"]]
        return [notice["text"] for notice in seen["notices"]] + names

    async def hang_up(self) -> None:
        await self._admin.do("end", call=self._call, by=self._side)


class SandboxCall:
    """A call at the centre."""

    def __init__(self, admin: Administrator, call: str) -> None:
        self._admin, self.id = admin, call
        self.agent: Party = SandboxParty(admin, call, "agent")
        self.customer: Party = SandboxParty(admin, call, "customer")

    async def active(self) -> bool:
        seen = await self._admin.roster(self.id)
        return not any(n["text"].startswith("ended") for n in seen["customer"]["notices"])

    async def transfer(self, agent_id: str) -> None:
        await self._admin.do("transfer", call=self.id, to=agent_id, seconds=0.1)

    async def hold(self, held: bool) -> None:
        await self._admin.do("hold" if held else "unhold", call=self.id)

    async def remove_supervisors(self) -> None:
        for leg in await self._legs():
            await self._admin.do("remove_supervisor", handle=leg["handle"])

    async def silence_supervisors(self) -> None:
        for leg in await self._legs():
            await self._admin.do("drop_media", handle=leg["handle"])

    async def _legs(self) -> list[Any]:
        return [leg for leg in (await self._admin.do("legs"))["legs"] if leg["call"] == self.id]


class SandboxSite:
    """Implements `tests.platforms.site.Site`."""

    name = "sandbox"
    agent_ids = ("agent-ada", "agent-grace")
    wrong_credentials: dict[str, object] = {"token": "wrong"}  # noqa: RUF012 - never changed

    def __init__(self, centre: CentreProcess) -> None:
        self._centre = centre
        self._admin: Administrator | None = None
        self._reaching: Any = None

    def driver(self, **settings: object) -> Driver:
        return SandboxDriver(SandboxSettings.model_validate(self.settings() | settings))

    def settings(self) -> dict[str, Any]:
        return {"url": self._centre.ready.url, "token": self._centre.ready.token}

    async def call(self, *, agent_id: str | None = None, monitoring: str = "on") -> SiteCall:
        admin = await self._reach()
        agent = agent_id or self.agent_ids[0]
        return SandboxCall(admin, await admin.create_call(agent=agent, flow=FLOWS[monitoring]))

    async def ours(self) -> list[str]:
        return [leg["handle"] for leg in (await (await self._reach()).do("legs"))["legs"]]

    def pid(self) -> int:
        return self._centre.pid

    async def stop(self) -> None:
        await self._let_go()
        await self._centre.kill()

    async def start(self) -> None:
        await self._centre.start()

    async def regroup(self) -> None:
        await self._let_go()

    async def listed(self, count: int) -> None:
        await (await self._reach()).do("set_listed", n=count, changes_per_second=0.0)

    async def close(self) -> None:
        """Let the administrator's connection go."""
        await self._let_go()

    async def _reach(self) -> Administrator:
        if self._admin is None:
            self._reaching = self._centre.administrator()
            self._admin = await self._reaching.__aenter__()
        return self._admin

    async def _let_go(self) -> None:
        if self._admin is not None:
            await self._reaching.__aexit__(None, None, None)
            self._admin = None


@asynccontextmanager
async def sandbox_site(directory: Path) -> AsyncIterator[SandboxSite]:
    """A running centre without calls of its own."""
    async with running_centre(directory) as centre:
        site = SandboxSite(centre)
        try:
            yield site
        finally:
            await asyncio.shield(site.close())
