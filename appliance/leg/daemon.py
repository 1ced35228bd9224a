"""The leg process: headset, panel, leg and control link put together, and the watch over them."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from appliance.audio.headset import Headset, PlaybackSource
from appliance.audio.settings import AudioSettings
from appliance.control_link.commands import AnyCommand
from appliance.control_link.events import HeadsetChanged, LampsChanged, Reply, Snapshot
from appliance.control_link.states import CheckResult, HeadsetState, LegChoice
from appliance.control_link.words import CheckEnd, EndReason
from appliance.leg.commands import carry_out
from appliance.leg.indicators import Trouble
from appliance.leg.leg import Leg
from appliance.leg.presses import Presses
from appliance.leg.self_test import self_test
from appliance.leg.server import LinkServer
from appliance.leg.settings import LegSettings
from appliance.panel.panel import Panel
from appliance.panel.settings import PanelSettings
from appliance.service.tasks import deadly_task, stop_tasks
from appliance.service.ticks import next_tick
from appliance.webrtc import allow_loopback

log = logging.getLogger(__name__)

WATCH_S = 0.1
REPLY_S = 0.1
"""What a reply has to get out."""
FIRST_HEARD_S = 60.0
"""What control may take to come up with a small board's start before that is a fault."""


class LegDaemon:
    """Everything of the leg process. Make it on the running loop."""

    def __init__(
        self,
        settings: LegSettings,
        audio: AudioSettings,
        panel: PanelSettings,
        *,
        panel_socket: Path | None = None,
        panel_inherited: socket.socket | None = None,
        renew: Callable[[], None] = lambda: None,
    ) -> None:
        """*renew* ends the process, which somebody starts again."""
        if settings.loopback_candidates:
            allow_loopback()
        self._settings = settings
        self._audio = audio
        self._renew = renew
        self._chosen = LegChoice(
            board=panel.board, headset=audio.headset, push_to_talk=panel.push_to_talk
        )
        self._loop = asyncio.get_running_loop()
        self._leg_id = uuid.uuid4().hex
        self._listener = _LateListener()
        self.panel = Panel(
            panel, self._listener, virtual_socket=panel_socket, inherited=panel_inherited
        )
        self.server = LinkServer(self._handle, self._snapshot, self._new_control)
        self.leg = Leg(
            settings,
            self.panel,
            self._make_headset,
            self.server.emit,
            self._lamps_changed,
            playback_ms=audio.period_ms * audio.periods,
        )
        self.presses = Presses(
            self.leg,
            push_to_talk=panel.push_to_talk,
            emit=self.server.emit,
            soon=self._soon,
            control_is_there=lambda: self.server.control_is_there,
        )
        self._listener.target = self.presses
        self._watch: asyncio.Task[None] | None = None

    def _make_headset(
        self, source: PlaybackSource, on_change: Callable[[HeadsetState], None]
    ) -> Headset:
        def changed(state: HeadsetState) -> None:
            on_change(state)
            self._soon(self.server.emit, HeadsetChanged(headset=state))

        self.headset = Headset(self._audio, source, changed)
        return self.headset

    def _soon(self, act: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *arguments)

    def _lamps_changed(self) -> None:
        self._soon(lambda: self.server.emit(LampsChanged(lamps=self.panel.lamps)))

    async def start(self, link: Path, inherited: socket.socket | None = None) -> None:
        """Panel, headset, link; then idle and ready. Raises `BargeboxError` with words."""
        await asyncio.to_thread(self.panel.start)
        self.headset.start()
        self.leg.start()
        self._watch = deadly_task(self._watch_control(), "watch over control")
        await self.server.start(link, inherited)

    async def stop(self) -> None:
        """Mute first, then leave, then lamps off."""
        self.leg.gate.disarm("end")
        await stop_tasks(self._watch)
        await self.leg.stop()
        await self.server.stop()
        await asyncio.to_thread(self.headset.stop)
        await asyncio.to_thread(self.panel.stop)

    def beats(self) -> dict[str, Callable[[], int]]:
        """What must move for the watchdog to be fed, besides the loop itself."""
        return {"headset": self.headset.beats, "panel": self.panel.beats}

    def _new_control(self) -> None:
        """Before its first command: what the former one began is nobody's any more."""
        self.leg.checks.end(CheckEnd.CONTROL)

    async def _watch_control(self) -> None:
        """An unattended leg does not linger: 5 s without a line from control hang it up. Nor does a
        check, for whoever asked for it is gone with the control process.
        """
        while True:
            await next_tick(WATCH_S)
            if not self.server.control_is_there:
                self.leg.checks.end(CheckEnd.CONTROL)
            call = self.leg.call
            silent = time.monotonic() - self.server.heard_at
            limit_s = self._settings.control_timeout_s
            gone = silent > (limit_s if self.server.was_heard else FIRST_HEARD_S)
            self.leg.indicators.show_trouble(Trouble.CONTROL, there=gone)
            if call is not None and gone:
                log.warning("control was silent for %.1f s; hanging up", silent)
                self.leg.end(call.session_id, EndReason.CONTROL_LOST)

    async def _handle(self, command: AnyCommand) -> Reply:
        return await carry_out(command, self.leg, self.presses, self._self_test, self._begin_anew)

    def _begin_anew(self) -> None:
        """Once the reply is out; nobody joins until then."""
        log.info("other settings were chosen; beginning anew")
        self.leg.testing = True
        self._loop.call_later(REPLY_S, self._renew)

    async def _self_test(self) -> list[CheckResult]:
        self.leg.testing = True
        try:
            return await self_test(self.headset, self.panel, self.leg.indicators.show_test)
        finally:
            self.leg.testing = False

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            leg_id=self._leg_id,
            board=self.panel.board.name,
            call=self.leg.call_state(),
            last_ended=self.leg.last_ended,
            headset=self.headset.state,
            lamps=self.panel.lamps,
            volume=self.leg.downlink.volume,
            presses=self.presses.kept(),
            chosen=self._chosen,
        )


class _LateListener:
    """The panel is made before the leg that listens to it; until then a press does nothing."""

    target: Presses | None = None

    def microphone_edge(self, at: float) -> bool:
        return self.target is not None and self.target.microphone_edge(at)

    def microphone_pressed(self, at: float) -> None:
        if self.target is not None:
            self.target.microphone_pressed(at)

    def microphone_released(self, at: float, held: float) -> None:
        if self.target is not None:
            self.target.microphone_released(at, held)

    def hang_up_pressed(self, at: float) -> None:
        if self.target is not None:
            self.target.hang_up_pressed(at)

    def hang_up_held(self, at: float) -> None:
        if self.target is not None:
            self.target.hang_up_held(at)

    def both_held(self, at: float) -> None:
        if self.target is not None:
            self.target.both_held(at)
