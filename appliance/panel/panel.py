"""The whole panel: a board's pins, two buttons, two lamps, and the virtual board's socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from appliance.control_link.states import CheckResult
from appliance.control_link.states import Lamps as LampsMessage
from appliance.control_link.words import Button, LampPattern
from appliance.panel.board import load_board
from appliance.panel.buttons import Buttons, PanelListener
from appliance.panel.errors import PanelError
from appliance.panel.lamps import LampChange, Lamps
from appliance.panel.patterns import Lamp
from appliance.panel.pins import ChipLabels, open_pins, read_chip_labels
from appliance.panel.settings import PanelSettings
from appliance.panel.virtual import VirtualPanelSocket


class Panel:
    """The panel of the board that the settings name.

    Making it reads the profile, opens the pins and shows *starting* (`PanelError` when the board
    does not fit); `start` begins to listen and to animate; `stop` darkens the lamps and gives the
    pins back. These three touch files or wait for threads: keep them off an event loop. All else
    but `checks` may be called from anywhere. *inherited* is the virtual board's listening socket
    where the service manager holds it.
    """

    def __init__(
        self,
        settings: PanelSettings,
        listener: PanelListener,
        *,
        virtual_socket: Path | None = None,
        inherited: socket.socket | None = None,
        chip_labels: ChipLabels = read_chip_labels,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.board = load_board(settings.board, settings.boards_dir)
        self._pins = open_pins(self.board, chip_labels)
        self._socket: VirtualPanelSocket | None = None
        if virtual_socket is not None and self.board.pins == "mock":
            self._socket = VirtualPanelSocket(virtual_socket, self.drive, inherited)
        elif inherited is not None:
            inherited.close()  # nobody is served on a board that is pressed by hand
        self._lamps = Lamps(self._pins.lamps, observer=self._lamp_changed, clock=clock)
        self._lamps.show(status=LampPattern.SLOW_BLINK)
        self._buttons = Buttons(self._pins.buttons, listener, well=self.well, clock=clock)
        self._stopped = False

    def start(self) -> None:
        """Start the panel's threads. Raises `PanelError` when the virtual socket cannot be made."""
        if self._socket is not None:
            self._socket.start()
        self._lamps.start()
        self._buttons.start()

    def stop(self) -> None:
        """Buttons dead, lamps dark, pins given back. May be called again, and before `start`."""
        if self._stopped:
            return
        self._stopped = True
        self._buttons.stop()
        self._lamps.stop()
        if self._socket is not None:
            self._socket.stop()
        self._pins.close()

    def show(
        self, microphone: LampPattern | None = None, status: LampPattern | None = None
    ) -> None:
        """Show these patterns, lit or dark before this returns; any thread; never raises."""
        self._lamps.show(microphone, status)

    @property
    def lamps(self) -> LampsMessage:
        """What the lamps show."""
        patterns = self._lamps.patterns()
        return LampsMessage(microphone=patterns[Lamp.MICROPHONE], status=patterns[Lamp.STATUS])

    def beats(self) -> int:
        """Rises each second while every thread of the panel turns and the pins can be used.

        A value that stands still for some seconds means a dead button or a lying lamp.
        """
        return self._buttons.beats

    def well(self) -> bool:
        """Lamps and virtual socket work; asked by the panel thread once a second."""
        lamps = self._lamps.well()
        return lamps and (self._socket is None or self._socket.well())

    def checks(self, wait: float = 2.5) -> list[CheckResult]:
        """Self-test; blocks up to *wait* seconds, so call it in a worker thread."""
        until = time.monotonic() + wait
        before = self._buttons.beats
        while self._buttons.beats == before and time.monotonic() < until:
            time.sleep(0.05)
        alive = self._buttons.beats != before
        results = [
            CheckResult(
                name="panel",
                passed=alive,
                detail=self.board.title if alive else "The panel does not turn; restart the box.",
            )
        ]
        for button, contact in self._pins.buttons.items() if alive else ():
            down = contact.is_down()
            results.append(
                CheckResult(
                    name=f"button {button}",
                    passed=not down,
                    detail="Pressed or stuck; release it." if down else "At rest.",
                )
            )
        return results

    def drive(self, button: Button, down: bool) -> None:
        """Press or release a button of a mock board; its edge is reported before this returns."""
        if self.board.pins != "mock":
            raise PanelError(f"The buttons of {self.board.title} can only be pressed by hand.")
        self._pins.buttons[button].drive(down)

    def _lamp_changed(self, change: LampChange) -> None:
        if self._socket is not None:
            self._socket.lamp_changed(change)
