"""A leg with its buttons; headset, lamps and the call are stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from appliance.control_link.base import Message
from appliance.control_link.words import Action, Audience, Gate, Media
from appliance.leg.call import Call
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from appliance.leg.leg import Leg
from appliance.leg.presses import Presses
from tests.support.leg_parts import Headset, make_leg


@dataclass
class Connected:
    """A call as the buttons see it."""

    session_id: str = "s"
    media: Media = Media.CONNECTED

    async def close(self) -> None:
        self.media = Media.ENDED


@dataclass
class Box:
    """A leg with its buttons."""

    leg: Leg
    headset: Headset
    events: list[Message]
    heard: list[Samples]
    control: bool = True
    presses: Presses = field(init=False)

    def buttons(self, *, push_to_talk: bool = False) -> Presses:
        self.presses = Presses(
            self.leg,
            push_to_talk=push_to_talk,
            emit=self.events.append,
            soon=self.leg._soon,
            control_is_there=lambda: self.control,
        )
        return self.presses

    def monitor(self, media: Media = Media.CONNECTED) -> None:
        """As after a join."""
        self.leg.call = cast(Call, Connected(media=media))
        if media is Media.CONNECTED:
            self.leg.gate.arm("s")

    def open(self) -> None:
        gate = self.leg.gate
        gate.consent(gate.prepare("control"), Audience.EVERYONE)
        gate.frame_ready()
        assert gate.state is Gate.OPEN

    def press(self, at: float = 1.0, held: float = 0.1) -> None:
        """The microphone button, with the panel's own sequence."""
        if not self.presses.microphone_edge(at):
            self.presses.microphone_pressed(at)
        self.presses.microphone_released(at + held, held)

    def told(self) -> list[tuple[Action, str | None]]:
        return [(press.action, press.session_id) for press in self.presses.kept()]

    def in_call(self) -> bool:
        return self.leg.call is not None

    def gate(self) -> Gate:
        return self.leg.gate.state

    def tones(self, which: Cue) -> int:
        return sum(samples is cue(which) for samples in self.heard)


@asynccontextmanager
async def button_box(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    """A leg in idle, with its buttons."""
    headset, events, heard = Headset(), list[Message](), list[Samples]()
    leg = make_leg(headset, events.append, consent_timeout_s=0.3)
    monkeypatch.setattr(leg.downlink, "play", heard.append)
    monkeypatch.setattr(leg.consent, "_play", heard.append)
    box = Box(leg, headset, events, heard)
    box.buttons()
    try:
        yield box
    finally:
        leg.gate.disarm("end")
        await asyncio.sleep(0)
