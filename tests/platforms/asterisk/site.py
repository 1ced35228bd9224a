"""A contact centre on a real Asterisk 22 as a site of the contract suite.

Calls are plain ``Dial()`` between SIP endpoints, in no ARI application.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from appliance.platforms.asterisk.driver import AsteriskDriver
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import Driver
from appliance.platforms.sip.message import parameter
from tests.platforms.asterisk.codecs import LINEAR, OF_A_SITE
from tests.platforms.asterisk.people import LIMIT_S, Person, Phone
from tests.platforms.asterisk.server import (
    ADDRESS,
    ARI_PASSWORD,
    ARI_URL,
    ARI_USER,
    LEG_PASSWORD,
    WS_URL,
    Asterisk,
)
from tests.platforms.site import Party

AGENTS = ("agent-ada", "agent-grace")
CUSTOMER = "customer"
PHONES = {
    **dict.fromkeys((*AGENTS, CUSTOMER), LINEAR),
    **{f"{who}-{name}": it for who in ("agent", "customer") for name, it in OF_A_SITE.items()},
}
LEGS = [f"supervisor-{number}" for number in range(6)]
"""One for each box that may be there at the same time."""
SIDE_BY_SIDE = 16
WORD_S = 0.2
"""The least that two people say to each other. Without it Asterisk may still be dialling, and then
tells no events of where it puts the customer.
"""


class AsteriskCall:
    """A call between two phones."""

    def __init__(self, site: AsteriskSite, call: str, agent: Person, customer: Person) -> None:
        self._site, self.id = site, call
        self._agent, self._customer = agent, customer
        self.agent: Party = agent
        self.customer: Party = customer

    async def active(self) -> bool:
        return self._agent.connected() and self._customer.connected()

    async def transfer(self, agent_id: str) -> None:
        await self._agent.dialog.refer(f"sip:to-{agent_id}@{ADDRESS}")
        async with asyncio.timeout(LIMIT_S):
            self._agent = await self._site.phones[agent_id].answered.get()
        self.agent = self._agent

    async def consult_and_transfer(self, agent_id: str) -> None:
        """The agent asks a colleague first, and then joins them with the customer."""
        to = f"sip:to-{agent_id}@{ADDRESS}"
        consultation = await self._agent.phone.call(f"to-{agent_id}")
        async with asyncio.timeout(LIMIT_S):
            colleague = await self._site.phones[agent_id].answered.get()
            while not (consultation.connected() and colleague.connected()):
                await asyncio.sleep(0.01)
        await asyncio.sleep(WORD_S)
        with_them = consultation.dialog
        tags = [parameter(one, "tag") for one in (with_them.remote, with_them.local)]
        replaces = f"{with_them.call_id};to-tag={tags[0]};from-tag={tags[1]}"
        await self._agent.dialog.refer(f"{to}?Replaces={quote(replaces, safe='')}")
        self.agent = self._agent = colleague

    async def park(self) -> None:
        """The agent puts the customer where anybody can take them."""
        await self._agent.dialog.refer(f"sip:700@{ADDRESS}")

    async def hold(self, held: bool) -> None:
        direction = "sendonly" if held else "sendrecv"
        await self._agent.dialog.reinvite(self._agent.sound.sdp(direction))

    async def remove_supervisors(self) -> None:
        for channel in await self._site.channels():
            if channel["name"].startswith("PJSIP/supervisor-"):
                await self._site.admin.delete(f"/channels/{channel['id']}")

    async def silence_supervisors(self) -> None:
        for bridge in (await self._site.admin.get("/bridges")).json():
            for channel in await self._site.channels():
                name, member = channel["name"], channel["id"] in bridge["channels"]
                if member and name.startswith("PJSIP/supervisor-"):
                    await self._site.admin.post(
                        f"/bridges/{bridge['id']}/removeChannel", params={"channel": channel["id"]}
                    )


class AsteriskSite:
    """Implements `tests.platforms.site.Site`."""

    name = "asterisk"
    template = "leg"
    """Of the boxes' endpoints in ``pjsip.conf``."""
    agent_ids = AGENTS
    wrong_credentials: dict[str, object] = {"password": "not-the-password"}  # noqa: RUF012

    def __init__(self, server: Asterisk) -> None:
        self._server = server
        self.admin: httpx.AsyncClient = server.administrator()
        self.phones: dict[str, Phone] = {}
        self._legs = itertools.cycle(LEGS)
        self._calling = asyncio.Lock()

    def driver(self, **settings: object) -> Driver:
        return AsteriskDriver(AsteriskSettings.model_validate(self.settings() | settings))

    def settings(self) -> dict[str, Any]:
        """The driver's section for the next box."""
        leg = next(self._legs)
        return {
            "url": ARI_URL,
            "user": ARI_USER,
            "password": ARI_PASSWORD,
            "ws_url": WS_URL,
            "endpoint": leg,
            "endpoint_user": leg,
            "endpoint_password": LEG_PASSWORD,
            "agents": [{"endpoint": "agent-ada", "name": "Ada"}, {"endpoint": "agent-*"}],
            "monitoring_variable": "MONITORING",
            "monitoring_absent": "absent",
            "queue_variable": "QUEUE",
            "flow_variable": "FLOW",
        }

    async def call(
        self,
        *,
        agent_id: str | None = None,
        monitoring: str = "on",
        customer_id: str = CUSTOMER,
        exten: str = "",
    ) -> AsteriskCall:
        """*exten* instead of *monitoring*: what is dialled; *agent_id* is who answers."""
        agent_id = agent_id or AGENTS[0]
        async with self._calling, asyncio.timeout(LIMIT_S):
            exten = exten or f"call-{monitoring}-{agent_id}"
            customer = await self.phones[customer_id].call(exten)
            agent = await self.phones[agent_id].answered.get()
            while not (agent.connected() and customer.connected()):
                await asyncio.sleep(0.01)
            found = [
                channel["id"]
                for channel in await self.channels()
                if channel["protocol_id"] == customer.dialog.call_id
            ]
        return AsteriskCall(self, found[0], agent, customer)

    async def channels(self) -> list[dict[str, Any]]:
        """All channels of the server."""
        answer = await self.admin.get("/channels")
        return list(answer.raise_for_status().json())

    async def clear(self) -> None:
        """End all calls, so that a test does not suffer from the failure of another."""
        for channel in await self.channels():
            await self.admin.delete(f"/channels/{channel['id']}")
        async with asyncio.timeout(LIMIT_S):
            while await self.channels():
                await asyncio.sleep(0.01)
        for phone in self.phones.values():
            phone.answers, phone.answered = True, asyncio.Queue()

    async def ours(self) -> list[str]:
        channels = [
            channel["name"]
            for channel in await self.channels()
            if channel["name"].startswith(("PJSIP/supervisor-", "Snoop/", "Local/barge@"))
        ]
        bridges = (await self.admin.get("/bridges")).raise_for_status().json()
        return channels + [one["id"] for one in bridges if one["bridge_class"] == "stasis"]

    def pid(self) -> int:
        return self._server.pid

    async def start(self) -> None:
        await self._server.start()
        await self.regroup()

    async def regroup(self) -> None:
        await self.leave()
        for channel in await self.channels():  # of phones that never said goodbye
            if channel["name"].startswith(tuple(f"PJSIP/{phone}-" for phone in PHONES)):
                await self.admin.delete(f"/channels/{channel['id']}")
        self.phones = {name: Phone(name, codec) for name, codec in PHONES.items()}
        for phone in self.phones.values():
            await phone.start()

    async def stop(self) -> None:
        await self._server.kill()
        await self.leave()

    async def leave(self) -> None:
        """Put the phones down."""
        for phone in self.phones.values():
            await phone.stop()
        self.phones = {}

    async def listed(self, count: int) -> None:
        calls = [one["id"] for one in await self.channels() if one["name"].startswith("Local/")]
        there = len(calls) // 2

        async def more() -> None:
            parameters = {"endpoint": "Local/wait@listed/n", "context": "listed"}
            parameters |= {"extension": "hold", "priority": "1", "variables": "{}"}
            answer = await self.admin.post("/channels", params=parameters)
            answer.raise_for_status()

        async def fewer(channel: str) -> None:
            await self.admin.delete(f"/channels/{channel}")

        await _side_by_side([more] * max(0, count - there))
        if count == 0:
            await _side_by_side([partial(fewer, one) for one in calls])


async def _side_by_side(work: list[Callable[[], Awaitable[None]]]) -> None:
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(job: Callable[[], Awaitable[None]]) -> None:
        async with gate:
            await job()

    await asyncio.gather(*map(one, work))


@asynccontextmanager
async def asterisk_site(
    directory: Path, kind: type[AsteriskSite] = AsteriskSite, leg_codecs: str = ""
) -> AsyncIterator[AsteriskSite]:
    """A running server with its phones, and no calls. *leg_codecs*: what boxes may speak."""
    server = Asterisk(directory, {name: codec.asterisk for name, codec in PHONES.items()}, LEGS)
    server.leg_template = kind.template
    server.leg_codecs = leg_codecs or server.leg_codecs
    site = kind(server)
    try:
        await site.start()
        yield site
    finally:
        await site.leave()
        await site.admin.aclose()
        await server.kill()
