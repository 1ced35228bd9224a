"""A whole box at a site: its real processes, its virtual headset and panel, and people at it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.control_link.words import Button
from appliance.demo.box import Box
from appliance.demo.box import Person as Account
from appliance.demo.processes import Child
from appliance.panel.virtual_client import VirtualPanelClient
from tests.platforms.measured import AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ
from tests.platforms.site import HEARD_DBFS, Site, SiteCall
from tests.support.demo_world import Person
from tests.support.soundcard import sine, tone_level

SUE, GRACE = "sue", "grace"
"""Grace takes calls herself, as the second of the site's agents."""
LIMIT_S = 10.0


@asynccontextmanager
async def box_at(
    site: Site,
    directory: Path,
    *,
    log_level: str = "warning",
    monitoring: Mapping[str, object] | None = None,
    **other: object,
) -> AsyncIterator[Box]:
    """A box that lists the site's calls, with a loud tone at its microphone; *monitoring* are
    settings of that section, *other* of the driver's.
    """
    platform = site.driver().name
    section = site.settings()
    for field, value in other.items():
        known = section.get(field)
        if isinstance(known, dict) and isinstance(value, dict):
            value = {**known, **value}
        section[field] = value
    settings: dict[str, Mapping[str, object]] = {
        "platform": {"driver": platform},
        f"platform.{platform}": section,
        "monitoring": monitoring or {},
    }
    people = (
        Account(SUE, "Administrator"),
        Account(GRACE, "Supervisor", (site.agent_ids[1],)),
    )
    async with Box(directory, settings, people, log_level=log_level) as box:
        box.card.play(sine(SUPERVISOR_HZ, -3.0))
        yield box


@dataclass
class Listening:
    """A monitoring session of the box."""

    box: Box
    person: Person
    call: SiteCall
    session_id: str = ""

    async def monitor(self) -> None:
        """Join the call."""
        session = await self.person.post(f"/interactions/{self.call.id}/monitor")
        self.session_id = session["session_id"]

    async def hears(self) -> None:
        """Wait until agent and customer sound in the headset."""
        await self.call.agent.tone(AGENT_HZ)
        await self.call.customer.tone(CUSTOMER_HZ)
        levels: dict[float, float] = {}
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            with self.box.card.tap_ear() as ear:
                heard = await asyncio.to_thread(ear.record, 0.5)
            levels = {hz: tone_level(heard, hz) for hz in (AGENT_HZ, CUSTOMER_HZ)}
            if min(levels.values()) > HEARD_DBFS:
                return
        raise AssertionError(f"the headset hears {levels}")

    async def over(self) -> Any:
        """Wait until the session has ended, and give its end."""
        view = await self.person.until("/monitoring", state="idle")
        assert view["last_end"]["session_id"] == self.session_id
        return view["last_end"]

    async def on_record(self) -> Any:
        """Its row in history, once it is closed there."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                rows = (await self.person.get("/history"))["items"]
                if rows and rows[0]["session_id"] == self.session_id:
                    return rows[0]
                await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(
    site: Site, box: Box, who: str = SUE, call: SiteCall | None = None
) -> AsyncIterator[Listening]:
    """Somebody monitors a call, by the API; left at the end if it still runs."""
    call = call or await site.call(agent_id=site.agent_ids[0])
    async with Person(box, who) as person:
        await person.listed(call.id)
        at = Listening(box, person, call)
        await at.monitor()
        try:
            yield at
        finally:
            await person.request("DELETE", "/monitoring")


def kill(*children: Child) -> float:
    """SIGKILL; whoever keeps them starts them again. The moment."""
    for child in children:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
    return time.monotonic()


async def tap(box: Box, button: Button) -> None:
    """Press a button of the panel for a moment."""
    with VirtualPanelClient(box.panel_socket) as panel:
        await asyncio.to_thread(panel.tap, button)


async def command(box: Box, *words: str) -> str:
    """What ``bargebox`` prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.cli", *words, "--url", box.url),
        env={**os.environ, "BARGEBOX_TOKEN": box.tokens[SUE]},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(2 * LIMIT_S):
        said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()
