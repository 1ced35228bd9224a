"""A real leg process with a virtual headset and panel, and the contact centre, without control.

The test plays control: it holds the control link and the driver.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from appliance.control_link.base import Message
from appliance.control_link.client import LegLink
from appliance.control_link.commands import Answer, Join
from appliance.control_link.events import AnyEvent, CallChanged, GateChanged, Snapshot
from appliance.control_link.words import Audience, Button, EndReason, Media
from appliance.demo.box import to_toml
from appliance.demo.processes import Child
from appliance.demo.soundcard import HEADSET, VirtualCard
from appliance.panel.virtual_client import VirtualPanelClient
from appliance.platforms.protocol import PlatformConnection, PlatformEvent
from appliance.platforms.sandbox.driver import SandboxDriver
from tests.support.centre import Administrator, CentreProcess, running_centre
from tests.support.leg_port import FixedLeg

E = TypeVar("E", bound=Message)


class LinkedLeg(FixedLeg):
    """The leg process's, over the control link."""

    def __init__(self, link: LegLink, session: str, *, again: bool = False) -> None:
        super().__init__()
        self._link, self._session, self._again = link, session, again

    async def offer(self) -> str:
        reply = await self._link.request(
            lambda number: Join(id=number, session_id=self._session, again=self._again),
            limit_s=5,
        )
        assert reply.sdp is not None
        return reply.sdp

    async def accept(self, answer: str) -> None:
        await self._link.request(
            lambda number: Answer(id=number, session_id=self._session, sdp=answer), limit_s=5
        )


@dataclass
class LegRig:
    """Everything a leg test needs."""

    directory: Path
    card: VirtualCard
    centre: CentreProcess
    admin: Administrator
    driver: SandboxDriver
    leg: Child
    link: LegLink
    events: list[AnyEvent]
    heard: list[PlatformEvent]
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    def panel(self) -> VirtualPanelClient:
        """A finger on the box; use it in a thread or with ``with``."""
        return VirtualPanelClient(self.directory / "panel.sock")

    async def tap(self, button: Button) -> float:
        """Press a button for 60 ms; returns the moment of the press."""
        with self.panel() as panel:
            return await asyncio.to_thread(panel.tap, button, 60)

    async def until(
        self, kind: type[E], wanted: Callable[[E], bool] = lambda _: True, *, after: int = 0
    ) -> E:
        """The first such event from number *after* on; 10 s at most."""
        async with asyncio.timeout(10):
            while True:
                for event in self.events[after:]:
                    if isinstance(event, kind) and wanted(event):
                        return event
                await asyncio.sleep(0.005)

    async def join(self, call: str) -> str:
        """Monitor *call*; returns the session id once media flows."""
        session = uuid.uuid4().hex
        leg = LinkedLeg(self.link, session)
        await self.driver.monitor(session, call, "supervisor", leg)
        await self.until(
            CallChanged, lambda e: e.session_id == session and e.media is Media.CONNECTED
        )
        return session

    async def consent(self, session: str, audience: Audience = Audience.EVERYONE) -> None:
        """The platform's part of an un-mute."""
        await self.driver.set_audience(session, audience)

    async def ended(self, session: str) -> EndReason:
        """Wait for the session's end."""
        event = await self.until(
            CallChanged, lambda e: e.session_id == session and e.media is Media.ENDED
        )
        assert event.reason is not None
        return event.reason

    async def until_snapshot(self) -> Snapshot:
        """The next connection's snapshot."""
        return await self.until(Snapshot)

    async def gate(self, gate: str, *, after: int = 0) -> GateChanged:
        """Wait until the gate says so."""
        return await self.until(GateChanged, lambda e: e.gate == gate, after=after)


@asynccontextmanager
async def leg_rig(directory: Path, **leg_settings: object) -> AsyncIterator[LegRig]:
    """Start everything; stop everything."""
    settings = directory / "bargebox.toml"
    settings.write_text(
        to_toml(
            {
                "box": {"run_dir": str(directory), "state_dir": str(directory)},
                "leg": {"loopback_candidates": True, **leg_settings},
                "audio": {"headset": HEADSET},
            }
        )
    )
    with VirtualCard(directory / "card") as card:
        leg = Child(
            "leg",
            ["-m", "appliance.cli", "leg", "--settings", str(settings), "--log-level", "warning"],
            card.environment(),
        )
        async with (
            running_centre(directory) as centre,
            centre.administrator() as admin,
        ):
            driver = SandboxDriver(centre.driver_settings())
            heard: list[PlatformEvent] = []
            events: list[AnyEvent] = []
            link = LegLink(directory / "leg.sock", events.append, lambda _up: None)
            rig = LegRig(directory, card, centre, admin, driver, leg, link, events, heard)
            try:
                await driver.start(heard.append)
                await leg.start()
                link.start()
                await _ready(rig)
                yield rig
            finally:
                await link.stop()
                await leg.stop()
                await driver.stop()


async def _ready(rig: LegRig) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        states = [e.headset for e in rig.events if hasattr(e, "headset")]
        connected = any(isinstance(e, PlatformConnection) and e.connected for e in rig.heard)
        if states and states[-1].playing and connected:
            return
        await asyncio.sleep(0.05)
    snapshots = [e for e in rig.events if isinstance(e, Snapshot)]
    raise AssertionError(f"the leg rig did not come up: {snapshots} {rig.heard}")
