"""Our whole leg, both ways with an open gate: all of its process but card, buttons and control."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path

from appliance.audio.capture import PERIOD_FRAMES
from appliance.audio.headset import CaptureSink, PlaybackSource
from appliance.control_link.base import Message
from appliance.control_link.commands import Join
from appliance.control_link.events import CallChanged
from appliance.control_link.states import HeadsetState
from appliance.control_link.words import Audience, EndReason, Media
from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from appliance.leg.leg import Leg
from appliance.leg.settings import LegSettings
from appliance.webrtc import allow_loopback
from tests.bench.sound.receivers.base import (
    BLOCK,
    Clock,
    Heard,
    Player,
    Talker,
    serve,
    what_it_says,
)
from tests.support.leg_parts import Panel

PERIOD_S = PERIOD_FRAMES / SAMPLE_RATE


class Headset:
    """Two threads with the pace of a card's."""

    def __init__(self, source: PlaybackSource, talker: Talker) -> None:
        self._source = source
        self._talker = talker
        self._capture: Clock | None = None
        self.player = Player(self._play)

    @property
    def state(self) -> HeadsetState:
        return HeadsetState(present=True, playing=True, capturing=self._capture is not None)

    def _play(self) -> Samples:
        left: Samples = self._source.pull(BLOCK, 2)[:, 0]
        return left

    def start_capture(self, sink: CaptureSink) -> None:
        self._capture = Clock(lambda: sink.push(self._talker.next(), time.monotonic()), PERIOD_S)

    def stop_capture(self) -> None:
        if self._capture is not None:
            self._capture.stop()
            self._capture = None


class WholeLeg:
    """See `Receiver`; one call at a time, as a leg has."""

    def __init__(self, talk: Path) -> None:
        self._talk = talk
        self._leg: Leg | None = None
        self._headset: Headset | None = None
        self._opening: asyncio.Task[None] | None = None

    async def start(self) -> int:
        allow_loopback(only=True)
        gc.freeze()  # as the leg's process does
        return os.getpid()

    def _plug(self, source: PlaybackSource, _changed: object) -> Headset:
        self._headset = Headset(source, Talker(self._talk, PERIOD_FRAMES))
        return self._headset

    async def open(self, name: str, offer: str) -> str:
        def emit(event: Message) -> None:
            if isinstance(event, CallChanged) and event.media is Media.CONNECTED:
                self._opening = asyncio.ensure_future(self._unmute(leg, name))

        self._leg = leg = Leg(LegSettings(), Panel(), self._plug, emit, lambda: None)
        leg.start()
        return await leg.join(Join(id=1, session_id=name, offer=offer))

    async def _unmute(self, leg: Leg, name: str) -> None:
        await leg.open(name, leg.consent.prepare("button"), Audience.EVERYONE)

    async def concealed(self, name: str) -> float | None:
        assert self._leg is not None
        return self._leg.in_call(name).peer.streams[0].stats.concealed / SAMPLE_RATE

    async def close(self, name: str) -> Heard:
        assert self._leg is not None
        assert self._headset is not None
        if self._opening is not None:
            await self._opening  # tells what went wrong there
            self._opening = None
        heard = self._headset.player.stop()
        self._leg.end(name, EndReason.HUNG_UP)
        await self._leg.stop()
        self._headset.stop_capture()
        return heard

    async def stop(self) -> None:
        """Nothing is left of a call that was closed."""


if __name__ == "__main__":
    said = what_it_says()
    assert said is not None
    serve(WholeLeg(said))
