"""What stands in for a leg's hardware, and a leg on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.audio.headset import CaptureSink
from appliance.control_link.base import Message
from appliance.control_link.events import Snapshot
from appliance.control_link.states import CheckResult, HeadsetState, Lamps, Press
from appliance.leg.leg import Leg
from appliance.leg.settings import LegSettings

HERE = HeadsetState(present=True, playing=True)


@dataclass
class Headset:
    """Says what the test says, and tells when the microphone is stopped."""

    state: HeadsetState = HERE
    capturing: bool = False
    stopped: Callable[[], None] = lambda: None

    def running(self) -> bool:
        return self.capturing

    def start_capture(self, sink: CaptureSink) -> None:
        self.capturing = True

    def stop_capture(self) -> None:
        self.capturing = False
        self.stopped()


class Panel:
    """A panel that nobody looks at."""

    lamps = Lamps()

    def show(self, microphone: object = None, status: object = None) -> None:
        return

    def checks(self) -> list[CheckResult]:
        return []


def make_leg(headset: Headset, emit: Callable[[Message], None], **settings: float) -> Leg:
    """A leg on this headset."""
    return Leg(
        LegSettings(**settings), Panel(), lambda source, on_change: headset, emit, lambda: None
    )


def snapshot(*, presses: list[Press] | None = None) -> Snapshot:
    return Snapshot(
        leg_id="l",
        board="virtual",
        call=None,
        last_ended=None,
        headset=HERE,
        lamps=Lamps(),
        volume=80,
        presses=presses or [],
    )
