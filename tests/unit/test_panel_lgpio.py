"""The pins of a real board, over gpiozero's own lgpio driver and an lgpio that only remembers."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from appliance.control_link.words import Button
from appliance.panel.board import load_board
from appliance.panel.errors import PanelError
from appliance.panel.patterns import Lamp
from appliance.panel.pins import PanelPins, open_pins

PI_5_REVISION = 0xC04170
OUTPUT = 1 << 1
PULL_UP = 1 << 5


class LgpioError(Exception):
    pass


class FakeLgpio(ModuleType):
    """What LGPIOFactory and LGPIOPin call, kept in `calls`; lines are plain levels."""

    BOTH_EDGES, RISING_EDGE, FALLING_EDGE = 3, 1, 2
    SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = PULL_UP, 1 << 6, 1 << 7
    error = LgpioError

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.calls: list[tuple[Any, ...]] = []
        self.modes: dict[int, int] = {}
        self.levels: dict[int, int] = {}
        self.callbacks: dict[int, Callable[[int, int, int, int], None]] = {}
        self.broken = False

    def gpiochip_open(self, chip: int) -> int:
        self.calls.append(("open", chip))
        return 7

    def gpiochip_close(self, handle: int) -> None:
        self.calls.append(("close", handle))

    def gpio_claim_input(self, handle: int, gpio: int, flags: int = 0) -> None:
        self.modes[gpio] = flags
        self.levels[gpio] = int(flags == PULL_UP)

    def gpio_claim_output(self, handle: int, gpio: int) -> None:
        self.modes[gpio] = OUTPUT
        self.levels[gpio] = 0

    def gpio_claim_alert(self, handle: int, gpio: int, edges: int, flags: int) -> None:
        self.calls.append(("alert", gpio, edges, flags))

    def gpio_free(self, handle: int, gpio: int) -> None:
        self.modes.pop(gpio)

    def gpio_get_mode(self, handle: int, gpio: int) -> int:
        return self.modes[gpio]

    def gpio_read(self, handle: int, gpio: int) -> int:
        return self.levels[gpio]

    def gpio_write(self, handle: int, gpio: int, level: int) -> None:
        if self.broken:
            raise LgpioError("bad write")
        self.calls.append(("write", gpio, int(level)))
        self.levels[gpio] = int(level)

    def tx_pwm(self, handle: int, gpio: int, frequency: float, duty: float) -> None:
        self.calls.append(("pwm", gpio, frequency, duty))

    def gpio_set_debounce_micros(self, handle: int, gpio: int, micros: int) -> None:
        assert micros == 0

    def callback(
        self, handle: int, gpio: int, edges: int, called: Callable[[int, int, int, int], None]
    ) -> Any:
        self.callbacks[gpio] = called
        fake = self

        class Callback:
            def cancel(self) -> None:
                del fake.callbacks[gpio]

        return Callback()


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> FakeLgpio:
    fake = FakeLgpio()
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: PI_5_REVISION)
    return fake


def open_board() -> PanelPins:
    return open_pins(
        load_board("raspberry-pi-5"), lambda: {0: "gpio-brcmstb@107d508500", 11: "pinctrl-rp1"}
    )


def test_edges_come_with_the_kernels_time_and_repeats_are_kept(lgpio: FakeLgpio) -> None:
    pins = open_board()
    assert ("open", 11) in lgpio.calls
    seen: list[tuple[bool, float]] = []
    contact = pins.buttons[Button.MICROPHONE]
    contact.watch(lambda down, at: seen.append((down, at)))
    assert lgpio.modes[17] == PULL_UP
    assert not contact.is_down()
    for level, nanoseconds in ((0, 5_000_000_000), (0, 6_500_000_000), (1, 7_000_000_000)):
        lgpio.callbacks[17](11, 17, level, nanoseconds)
    assert seen == [(True, 5.0), (True, 6.5), (False, 7.0)]
    lgpio.levels[17] = 0
    assert contact.is_down()
    contact.unwatch()
    assert lgpio.callbacks == {}
    pins.close()
    assert lgpio.calls[-1] == ("close", 7)


def test_full_and_dark_are_plain_levels_between_is_pwm(lgpio: FakeLgpio) -> None:
    pins = open_board()
    lamp = pins.lamps[Lamp.MICROPHONE]
    lgpio.calls.clear()
    lamp.set(1.0)
    assert lgpio.calls == [("write", 18, 1)]
    lgpio.calls.clear()
    lamp.set(0.3)
    assert lgpio.calls[-1] == ("pwm", 18, 100, 30)
    lgpio.calls.clear()
    lamp.set(1.0)
    assert lgpio.calls == [("pwm", 18, 0, 0), ("write", 18, 1)]
    pins.close()


def test_a_lamp_pin_that_fails_says_so(lgpio: FakeLgpio) -> None:
    pins = open_board()
    lgpio.broken = True
    with pytest.raises(PanelError, match="cannot be switched"):
        pins.lamps[Lamp.STATUS].set(1.0)
    pins.close()


def test_a_busy_pin_is_told_and_everything_given_back(
    lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(handle: int, gpio: int) -> None:
        raise LgpioError("GPIO busy")

    monkeypatch.setattr(lgpio, "gpio_claim_output", busy)
    with pytest.raises(PanelError, match="GPIO busy"):
        open_board()
    assert lgpio.calls[-1] == ("close", 7)


def test_no_lgpio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    with pytest.raises(PanelError, match="lgpio does not start"):
        open_board()


def test_the_kernels_time_is_the_monotonic_clock() -> None:
    """What `Buttons` believes: mock pins and lgpio both stamp edges with it."""
    pins = open_pins(load_board("virtual"))
    stamps: list[float] = []
    contact = pins.buttons[Button.HANG_UP]
    contact.watch(lambda down, at: stamps.append(at))
    before = time.monotonic()
    contact.drive(True)
    assert before <= stamps[0] <= time.monotonic()
    pins.close()
