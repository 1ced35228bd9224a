"""What the leg needs of headset and panel."""

from __future__ import annotations

from typing import Protocol

from appliance.audio.headset import CaptureSink
from appliance.control_link.states import CheckResult, HeadsetState
from appliance.control_link.words import LampPattern


class HeadsetPort(Protocol):
    """The headset; every method may be called from any thread and returns at once."""

    @property
    def state(self) -> HeadsetState:
        """What is plugged in and which streams run."""

    def start_capture(self, sink: CaptureSink) -> None:
        """Start the microphone stream into *sink*."""

    def stop_capture(self) -> None:
        """Stop it; the sink gets nothing after this has returned."""


class LampPort(Protocol):
    """The part of the panel that is lit."""

    def show(
        self, microphone: LampPattern | None = None, status: LampPattern | None = None
    ) -> None:
        """Show these patterns at once; any thread."""


class PanelPort(LampPort, Protocol):
    """The panel as the self-test sees it."""

    def checks(self) -> list[CheckResult]:
        """Check buttons and threads; blocks for some seconds."""
