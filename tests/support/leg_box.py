"""A whole leg without its hardware, with its end of the control link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from appliance.control_link.commands import AnyCommand
from appliance.control_link.events import Reply
from appliance.control_link.states import CheckResult
from appliance.control_link.words import Gate
from appliance.leg import self_test as self_test_module
from appliance.leg.commands import carry_out
from appliance.leg.leg import Leg
from appliance.leg.presses import Presses
from appliance.leg.self_test import self_test
from appliance.leg.server import LinkServer
from tests.support.leg_parts import Headset, Panel, make_leg, snapshot
from tests.support.peer import Peer as OtherEnd
from tests.support.raw_control import Control, Link

LOUD = (np.sin(np.arange(960) * 2 * np.pi * 1000 / 48_000) * 12_000).astype(np.int16)


@dataclass
class Box(Link):
    """A whole leg without its hardware."""

    headset: Headset = field(default_factory=Headset)
    leg: Leg = field(init=False)
    presses: Presses = field(init=False)
    dead: list[str] = field(default_factory=list)

    def in_call(self) -> bool:
        return self.leg.call is not None

    def gate(self) -> Gate:
        return self.leg.gate.state

    def speak(self) -> None:
        """20 ms of a loud voice at the microphone, whether it may be heard or not."""
        self.leg._uplink.push(LOUD, 0.0)

    async def speak_loudly(self) -> None:
        """400 ms of it, as it comes."""
        for _ in range(20):
            self.speak()
            await asyncio.sleep(0.02)

    async def command(self, command: AnyCommand) -> Reply:
        async def test() -> list[CheckResult]:
            self.leg.testing = True
            try:
                return await self_test(self.leg.headset, Panel(), self.leg.indicators.show_test)
            finally:
                self.leg.testing = False

        return await carry_out(command, self.leg, self.presses, test, lambda: None)


@asynccontextmanager
async def leg_box(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    """A leg that listens in *directory*; a command that kills it fails the test."""
    monkeypatch.setattr(self_test_module, "LISTEN_S", 0.1)

    async def handle(command: AnyCommand) -> Reply:
        return await made.command(command)

    server = LinkServer(handle, snapshot)
    made = Box(server, directory / "leg.sock")
    monkeypatch.setattr("appliance.leg.server.die", made.dead.append)
    made.leg = make_leg(made.headset, server.emit, connect_timeout_s=30)
    made.presses = Presses(
        made.leg,
        push_to_talk=False,
        emit=server.emit,
        soon=made.leg._soon,
        control_is_there=lambda: server.control_is_there,
    )
    made.leg.start()
    await server.start(made.path)
    try:
        yield made
    finally:
        await made.leg.stop()
        await made.close()
    assert made.dead == [], "a command has killed the leg"


async def connected(box: Box, control: Control, direction: str) -> OtherEnd:
    """The other end of the call ``s``, once media flows."""
    other = OtherEnd()
    joined = await control.ask(
        "join", session_id="s", offer=await other.offer(), direction=direction
    )
    await other.accept(joined["sdp"])
    assert (await control.next("call_changed"))["media"] == "connected"
    return other
