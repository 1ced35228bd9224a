"""A site with Debian's Janus, laid out as ``docs/janus.md`` says, with aiortc people on it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.platforms.janus import wire
from appliance.platforms.janus.driver import JanusDriver
from appliance.platforms.protocol import Driver, PlatformError
from tests.platforms.janus.clients import Client, Person, administer, handles_of_ours
from tests.platforms.janus.server import ADMIN_KEY, COACH_PIN, PIN, ROOM_SECRET, JanusProcess
from tests.platforms.site import Party, SiteCall

BRIDGES = {"": PIN, "-coach": COACH_PIN}
QUIET_S = 0.2
"""After which no event of the call's beginning is still on its way."""
_numbers = itertools.count(1)


class Control(Client):
    """The site's call control: makes the rooms, describes them, and takes them away."""

    rooms: int
    bridges: int

    async def open(self) -> None:
        await super().open()
        self.rooms = await self.session.attach(wire.VIDEOROOM, "control")
        self.bridges = await self.session.attach(wire.AUDIOBRIDGE, "control")

    async def make(self, room: str, described: dict[str, Any]) -> None:
        await self.ask(
            self.rooms,
            request="create",
            room=room,
            description=json.dumps(described),
            is_private=True,
            admin_key=ADMIN_KEY,
            pin=PIN,
            secret=ROOM_SECRET,
            publishers=6,
            audiocodec="opus",
        )

    async def make_bridges(self, room: str) -> None:
        for suffix, pin in BRIDGES.items():
            await self.ask(
                self.bridges,
                request="create",
                room=room + suffix,
                is_private=True,
                admin_key=ADMIN_KEY,
                pin=pin,
                secret=ROOM_SECRET,
                sampling_rate=48_000,
                default_prebuffering=2,
            )

    async def describe(self, room: str, described: dict[str, Any]) -> None:
        text = json.dumps(described)
        await self.ask(
            self.rooms, request="edit", room=room, secret=ROOM_SECRET, new_description=text
        )

    async def destroy(self, room: str) -> None:
        await self.ask(self.rooms, request="destroy", room=room, secret=ROOM_SECRET)

    async def destroy_bridges(self, room: str) -> None:
        for suffix in BRIDGES:
            name = room + suffix
            await self.ask(self.bridges, request="destroy", room=name, secret=ROOM_SECRET)

    async def moderate(self, room: str, request: str, participant: str) -> bool:
        """Use a moderator's power over the call's AudioBridge room; whether it worked."""
        try:
            await self.ask(
                self.bridges, request=request, room=room, id=participant, secret=ROOM_SECRET
            )
        except PlatformError:
            return False
        return True

    async def people(self, room: str) -> list[str]:
        """The roster that anybody can ask for, of all rooms of the call."""
        seen = await self.ask(self.rooms, request="listparticipants", room=room)
        names = [f"{p['id']} in the call" for p in seen["participants"]]
        for suffix in BRIDGES:
            bridge = room + suffix
            seen = await self.ask(self.bridges, request="listparticipants", room=bridge)
            names += [f"{p['id']} in the bridge{suffix}" for p in seen["participants"]]
        return names


def description(agent_id: str, monitoring: str = "on", **fields: Any) -> dict[str, Any]:
    """A room's description."""
    return {
        "agents": [{"id": agent_id, "name": agent_id.title()}],
        "customer": "+49 30 5550100",
        "contact_point": "+49 30 5550199",
        "queue": "Support",
        "flow": "Support",
        "started_at": datetime.now(UTC).isoformat(),
        "monitoring": monitoring,
        **fields,
    }


class JanusParty:
    """One of the two on a call."""

    def __init__(self, call: JanusCall, person: Person) -> None:
        self._call, self.person = call, person

    async def tone(self, hz: float | None, dbfs: float = -20.0) -> None:
        self.person.mouth.hz, self.person.mouth.dbfs = hz, dbfs

    async def level(self, hz: float, seconds: float = 1.0) -> float:
        return max(ear.level(hz, seconds) for ear in self.person.ears)

    async def notices(self) -> list[str]:
        return self.person.told + await self._call.control.people(self._call.id)

    async def hang_up(self) -> None:
        await self.person.leave()
        await self._call.over()


class JanusCall:
    """A call: its rooms and the two people in them."""

    agent: Party
    customer: Party

    def __init__(self, control: Control, agent_id: str, monitoring: str) -> None:
        self.id = f"call-{next(_numbers)}"
        self.control = control
        self._described = description(agent_id, monitoring)
        self._agent = Person(agent_id)
        self._customer = Person("customer")

    async def begin(self) -> None:
        """Both are there and hear each other."""
        await self.control.make(self.id, self._described)
        await self.control.make_bridges(self.id)
        for person, bridges in ((self._agent, BRIDGES), (self._customer, ("",))):
            await self._bring(person, bridges)
        await self._agent.hear(self.id, self._customer.feed)
        await self._customer.hear(self.id, self._agent.feed)
        self.agent = JanusParty(self, self._agent)
        self.customer = JanusParty(self, self._customer)
        await asyncio.sleep(QUIET_S)

    async def _bring(self, person: Person, bridges: Iterable[str]) -> None:
        await person.open()
        await person.publish(self.id)
        for suffix in bridges:
            await person.hear_bridge(self.id + suffix, BRIDGES[suffix])

    async def over(self) -> None:
        """Someone hung up: the call control takes the rooms away, and the other one goes too."""
        await self.control.destroy(self.id)
        await self.control.destroy_bridges(self.id)
        await self.close()

    async def close(self) -> None:
        for person in (self._agent, self._customer):
            await person.close()

    async def active(self) -> bool:
        seen = await self.control.people(self.id)
        there = {f"{person.feed} in the call" for person in (self._agent, self._customer)}
        return there <= set(seen) and self._agent.connected and self._customer.connected

    async def transfer(self, agent_id: str) -> None:
        """The old one goes before the new one comes, which is the harder case."""
        self._described["state"] = "transferring"
        await self.control.describe(self.id, self._described)
        await self._agent.leave()
        self._agent = Person(agent_id)
        await self._bring(self._agent, BRIDGES)
        await self._agent.hear(self.id, self._customer.feed)
        await self._customer.hear(self.id, self._agent.feed)
        self.agent = JanusParty(self, self._agent)
        self._described["agents"] = [{"id": agent_id, "name": agent_id.title()}]
        self._described["state"] = "in-conversation"
        await self.control.describe(self.id, self._described)

    async def hold(self, held: bool) -> None:
        self._described["state"] = "on-hold" if held else "in-conversation"
        await self.control.describe(self.id, self._described)

    async def remove_supervisors(self) -> None:
        for handle in await handles_of_ours():
            if handle.get("plugin_specific", {}).get("room") == self.id:
                where = {key: handle[key] for key in ("session_id", "handle_id")}
                await administer("detach_handle", **where)

    async def silence_supervisors(self) -> None:
        for person in (self._agent, self._customer):
            person.mouth.stop()


class JanusSite:
    """Implements `tests.platforms.site.Site`."""

    name = "janus"
    agent_ids = ("agent-ada", "agent-grace")
    wrong_credentials: dict[str, object] = {"api_secret": "wrong"}  # noqa: RUF012 - never changed

    def __init__(self, server: JanusProcess) -> None:
        self.server = server
        self.control: Control
        self._calls: list[JanusCall] = []
        self._listed = 0

    def driver(self, **settings: object) -> Driver:
        return JanusDriver(self.server.settings(**settings))

    def settings(self) -> dict[str, Any]:
        return self.server.section()

    async def call(self, *, agent_id: str | None = None, monitoring: str = "on") -> SiteCall:
        call = JanusCall(self.control, agent_id or self.agent_ids[0], monitoring)
        self._calls.append(call)
        await call.begin()
        return call

    async def ours(self) -> list[str]:
        handles = [f"handle of {info['opaque_id']}" for info in await handles_of_ours()]
        control, rooms = self.control, list[str]()
        for plugin in (control.rooms, control.bridges):
            listed = await control.ask(plugin, request="list", admin_key=ADMIN_KEY)
            rooms += [str(item["room"]) for item in listed["list"]]
        return handles + [room for room in rooms if room.startswith("bargebox-")]

    async def listed(self, count: int) -> None:
        have = range(self._listed)
        await asyncio.gather(*(self.control.destroy(f"listed-{n}") for n in have))
        made = (
            self.control.make(f"listed-{n}", description(self.agent_ids[0])) for n in range(count)
        )
        await asyncio.gather(*made)
        self._listed = count

    def pid(self) -> int:
        return self.server.pid

    async def stop(self) -> None:
        await self.server.kill()
        await self._let_go()

    async def start(self) -> None:
        await self.server.start()
        await self._begin()

    async def regroup(self) -> None:
        await self._let_go()
        await self._begin()

    async def _begin(self) -> None:
        self.control = Control()
        await self.control.open()

    async def close(self) -> None:
        """End everything."""
        await self._let_go()
        await self.server.kill()

    async def _let_go(self) -> None:
        await asyncio.gather(*(call.close() for call in self._calls))
        self._calls.clear()
        self._listed = 0
        await self.control.close()


@asynccontextmanager
async def janus_site(directory: Path) -> AsyncIterator[JanusSite]:
    """A running Janus without calls."""
    site = JanusSite(JanusProcess(directory))
    await site.start()
    try:
        yield site
    finally:
        await asyncio.shield(site.close())
