"""Pins of a board over gpiozero: levels and raw edges of the buttons, levels of the lamps.

There is no global pin factory: each device is given its own, so that two panels (in tests, or a
panel beside a diagnosis) never share state. Button contacts are read without gpiozero's events,
because those drop an edge that repeats the last one, which is how a lost edge shows itself.
"""

from __future__ import annotations

import fcntl
import struct
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpiozero import InputDevice, OutputDevice
from gpiozero.exc import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPWMPin

from appliance.control_link.words import Button
from appliance.panel.board import BoardProfile, ButtonPins, LampPins
from appliance.panel.errors import PanelError
from appliance.panel.patterns import Lamp

PWM_HZ = 100
MOCK_REVISION = "a03111"  # a Raspberry Pi 4; given so that no environment variable decides
MOCK_HISTORY = 1000  # gpiozero's mock pins remember every level for ever

CHIPINFO = struct.Struct("=32s32sI")  # struct gpiochip_info of linux/gpio.h
GPIO_GET_CHIPINFO = 0x8044B401

ChipLabels = Callable[[], Mapping[int, str]]
"""Tells the label of every GPIO chip by its number."""


class ButtonInput:
    """One button's contact."""

    def __init__(self, pins: ButtonPins, factory: Any) -> None:
        floating = pins.pull == "floating"
        self._active = pins.active == "high"
        self._changed: Callable[[bool, float], None] | None = None
        self._device = InputDevice(
            pins.gpio,
            pull_up=None if floating else pins.pull == "up",
            active_state=self._active if floating else None,
            pin_factory=factory,
        )

    def is_down(self) -> bool:
        """The contact's level now."""
        return bool(self._device.pin.state) == self._active

    def watch(self, changed: Callable[[bool, float], None]) -> None:
        """Call *changed(down, at)* for every raw edge, from the pin's own thread.

        *at* is the kernel's time of the edge, seconds of the monotonic clock.
        """
        self._changed = changed
        self._device.pin.edges = "both"
        self._device.pin.when_changed = self._edge

    def unwatch(self) -> None:
        """Report no more edges."""
        self._device.pin.when_changed = None

    def _edge(self, ticks: float, state: Any) -> None:
        if self._changed is not None:
            self._changed(bool(state) == self._active, ticks)

    def drive(self, down: bool) -> None:
        """Press or release a mock contact; the edge is reported before this returns."""
        pin = self._device.pin
        if down == self._active:
            pin.drive_high()
        else:
            pin.drive_low()
        if len(pin.states) > MOCK_HISTORY:
            pin.clear_states()

    def close(self) -> None:
        """Give the pin back."""
        self._device.close()


class LampOutput:
    """One lamp. Full and dark are plain levels and take effect at once; only between is PWM."""

    def __init__(self, pins: LampPins, factory: Any, faults: tuple[type[Exception], ...]) -> None:
        self.can_dim = pins.pwm
        self._active_high = pins.active_high
        self._faults = faults
        self._dimmed = False
        self._device = OutputDevice(
            pins.gpio, active_high=pins.active_high, initial_value=False, pin_factory=factory
        )

    def set(self, level: float) -> None:
        """Light the lamp, 0.0 dark to 1.0 full. Raises `PanelError` when the pin refuses."""
        pin = self._device.pin
        try:
            dim = self.can_dim and 0.0 < level < 1.0
            if dim is not self._dimmed:
                # A running PWM would take a new duty cycle only at its next period.
                pin.frequency = PWM_HZ if dim else None
                self._dimmed = dim
            wanted = level if dim else float(level >= 0.5)
            pin.state = wanted if self._active_high else 1.0 - wanted
            states = getattr(pin, "states", None)
            if states is not None and len(states) > MOCK_HISTORY:
                pin.clear_states()
        except self._faults as error:
            raise PanelError(f"A panel lamp cannot be switched: {error}.") from error

    def close(self) -> None:
        """Switch the lamp off and give the pin back."""
        with suppress(PanelError):
            self.set(0.0)
        self._device.close()


@dataclass(frozen=True, slots=True)
class PanelPins:
    """The open pins of a panel."""

    buttons: dict[Button, ButtonInput]
    lamps: dict[Lamp, LampOutput]
    closing: ExitStack

    def close(self) -> None:
        """Lamps dark, every pin and the chip given back."""
        self.closing.close()


def read_chip_labels() -> dict[int, str]:
    """Labels of the machine's GPIO chips; chips that may not be opened are left out."""
    labels: dict[int, str] = {}
    for path in Path("/dev").glob("gpiochip[0-9]*"):
        with suppress(OSError), path.open("rb") as chip:
            info = fcntl.ioctl(chip, GPIO_GET_CHIPINFO, bytes(CHIPINFO.size))
            _, label, _ = CHIPINFO.unpack(info)
            labels[int(path.name.removeprefix("gpiochip"))] = label.rstrip(b"\0").decode()
    return labels


def find_chip(label: str, labels: Mapping[int, str]) -> int:
    """Number of the chip with this label, the lowest of several (the kernel may alias chips)."""
    numbers = [number for number, its_label in labels.items() if its_label == label]
    if not numbers:
        seen = ", ".join(sorted(set(labels.values()))) or "none that may be opened"
        raise PanelError(
            f"This machine has no GPIO chip {label!r} (it has: {seen}); "
            "choose the board profile that fits it.",
            code="wrong_board",
        )
    return min(numbers)


def open_pins(profile: BoardProfile, chip_labels: ChipLabels = read_chip_labels) -> PanelPins:
    """Open the pins of a board. Raises `PanelError` when the board does not fit the machine."""
    faults: tuple[type[Exception], ...] = (GPIOZeroError, OSError)
    if profile.pins == "mock":
        factory = MockFactory(MOCK_REVISION, MockPWMPin)
        return _open(profile, factory, faults)
    chip = find_chip(profile.gpio_chip_label, chip_labels())
    try:
        # Imported only on a board: lgpio makes a FIFO in the working directory when imported.
        import lgpio
        from gpiozero.pins.lgpio import LGPIOFactory
    except (ImportError, AttributeError, OSError) as error:
        raise PanelError(
            f"lgpio does not start: {error}; it must be installed, "
            "and the working directory must be writable."
        ) from error
    faults = (*faults, lgpio.error)
    try:
        return _open(profile, LGPIOFactory(chip=chip), faults)
    except faults as error:
        raise PanelError(
            f"The panel of {profile.title} cannot be opened: {error}; check that this is the "
            "board, that nothing else uses its pins and that /dev/gpiochip* may be opened."
        ) from error


def _open(profile: BoardProfile, factory: Any, faults: tuple[type[Exception], ...]) -> PanelPins:
    opened = ExitStack()
    pins = PanelPins({}, {}, opened)
    opened.callback(factory.close)
    try:
        for button, contact in (
            (Button.MICROPHONE, profile.buttons.microphone),
            (Button.HANG_UP, profile.buttons.hang_up),
        ):
            pins.buttons[button] = ButtonInput(contact, factory)
            opened.callback(pins.buttons[button].close)
            if profile.pins == "mock":
                pins.buttons[button].drive(False)  # a mock contact has no resistor of its own
        for lamp, wiring in (
            (Lamp.MICROPHONE, profile.lamps.microphone),
            (Lamp.STATUS, profile.lamps.status),
        ):
            pins.lamps[lamp] = LampOutput(wiring, factory, faults)
            opened.callback(pins.lamps[lamp].close)
    except faults:
        opened.close()
        raise
    return pins
