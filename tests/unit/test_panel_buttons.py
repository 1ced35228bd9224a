"""Both buttons over mock pins, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from appliance.control_link.words import Button
from appliance.panel.board import load_board
from appliance.panel.buttons import Buttons
from appliance.panel.pins import PanelPins, open_pins
from tests.support.panel import RecordingListener

MICROPHONE, HANG_UP = Button.MICROPHONE, Button.HANG_UP


@dataclass
class Box:
    """The buttons without their thread: `until` is the thread."""

    pins: PanelPins
    listener: RecordingListener = field(default_factory=RecordingListener)
    now: float = 0.0
    well: bool = True

    def __post_init__(self) -> None:
        self.buttons = Buttons(
            self.pins.buttons, self.listener, well=lambda: self.well, clock=lambda: self.now
        )
        self.buttons.watch()

    def until(self, moment: float) -> None:
        while (due := self.buttons.due()) <= moment:
            self.now = max(self.now, due)
            self.buttons.turn(self.now)
        self.now = moment

    def drive(self, button: Button, down: bool) -> None:
        self.pins.buttons[button].drive(down)

    def names(self) -> list[str]:
        return self.listener.names()


@pytest.fixture
def pins() -> Iterator[PanelPins]:
    pins = open_pins(load_board("virtual"))
    yield pins
    pins.close()


@pytest.fixture
def box(pins: PanelPins) -> Box:
    return Box(pins)


def test_the_first_edge_is_told_in_the_callers_thread(box: Box) -> None:
    box.listener.gate_open = True
    box.drive(MICROPHONE, True)
    assert box.names() == ["edge"]
    assert not box.listener.gate_open


def test_a_press_opens_after_a_stable_level(box: Box) -> None:
    box.until(0.5)
    box.drive(MICROPHONE, True)
    box.until(0.6)
    assert [name for name, _ in box.listener.events] == ["edge", "pressed"]
    assert box.listener.events[1][1] == pytest.approx(0.507)


def test_push_to_talk_hears_the_release_at_its_first_edge(box: Box) -> None:
    box.drive(MICROPHONE, True)
    box.until(3.0)
    box.drive(MICROPHONE, False)
    assert box.listener.events[-1] == ("released", 3.0)


def test_hang_up_acts_on_the_first_edge_and_once_in_a_bounce(box: Box) -> None:
    for down in (True, False, True, False, True):
        box.drive(HANG_UP, down)
        box.until(box.now + 0.002)
    assert box.names() == ["hang_up"]
    box.until(0.3)
    box.drive(HANG_UP, False)
    box.until(0.4)
    box.drive(HANG_UP, True)
    assert box.names() == ["hang_up", "hang_up"]


def test_hang_up_held(box: Box) -> None:
    box.drive(HANG_UP, True)
    box.until(1.49)
    assert box.names() == ["hang_up"]
    box.until(20.0)
    assert box.names() == ["hang_up", "hang_up_held"]
    assert box.listener.events[1][1] == pytest.approx(1.5)


def test_a_hang_up_let_go_in_time_is_not_held(box: Box) -> None:
    box.drive(HANG_UP, True)
    box.until(1.4)
    box.drive(HANG_UP, False)
    box.until(1.45)
    box.drive(HANG_UP, True)
    box.until(2.0)
    assert box.names() == ["hang_up", "hang_up"]


def test_both_held_is_its_own_gesture_and_comes_once(box: Box) -> None:
    box.drive(HANG_UP, True)
    box.until(0.2)
    box.drive(MICROPHONE, True)
    box.until(10.1)
    assert box.names() == ["hang_up", "edge", "pressed"]
    box.until(30.0)
    assert box.names() == ["hang_up", "edge", "pressed", "both_held"]
    box.drive(MICROPHONE, False)
    box.until(40.0)  # the hang-up button that is let go last is not held alone
    assert box.names() == ["hang_up", "edge", "pressed", "both_held", "released"]


def test_both_held_too_short(box: Box) -> None:
    box.drive(HANG_UP, True)
    box.drive(MICROPHONE, True)
    box.until(9.9)
    box.drive(HANG_UP, False)
    box.until(30.0)
    assert "both_held" not in box.names()


def test_a_lost_edge_closes_within_the_second(box: Box) -> None:
    box.listener.gate_open = True
    pin = box.pins.buttons[MICROPHONE]._device.pin
    pin._state = not pin._state  # the level changes and no edge tells
    box.until(0.9)
    assert box.names() == []
    box.until(1.2)
    assert box.names() == ["edge"]
    box.until(15.0)
    assert box.names() == ["edge"]
    assert not box.listener.gate_open


def test_a_lost_hang_up_leaves_but_is_not_held(box: Box) -> None:
    pin = box.pins.buttons[HANG_UP]._device.pin
    pin._state = not pin._state
    box.until(15.0)
    assert box.names() == ["hang_up"]


def test_buttons_down_at_the_start_do_nothing(pins: PanelPins) -> None:
    for contact in pins.buttons.values():
        contact.drive(True)
    box = Box(pins)
    box.until(15.0)
    for button in pins.buttons:
        box.drive(button, False)
    box.until(16.0)
    assert box.names() == []


def test_beats_rise_each_second_and_stop_with_the_panel(box: Box) -> None:
    box.until(5.05)
    assert box.buttons.beats == 5
    box.well = False
    box.until(9.0)
    assert box.buttons.beats == 5


class FailingListener(RecordingListener):
    def microphone_edge(self, at: float) -> bool:
        if not self.events:
            self._note("failed", at)
            raise RuntimeError("listener")
        return super().microphone_edge(at)


def test_a_listener_that_failed_once_stops_the_beats_for_good(pins: PanelPins) -> None:
    box = Box(pins, listener=FailingListener())
    with pytest.raises(RuntimeError, match="listener"):
        box.drive(MICROPHONE, True)
    box.until(5.0)
    assert box.buttons.beats == 0
    assert "edge" in box.names(), "the re-read closes what the failure left open"


def test_the_thread_does_it_by_itself(pins: PanelPins) -> None:
    listener = RecordingListener()
    buttons = Buttons(pins.buttons, listener)
    buttons.start()
    try:
        pins.buttons[MICROPHONE].drive(True)
        assert listener.names()[:1] == ["edge"]
        assert listener.wait_for(lambda names: "pressed" in names)
        pins.buttons[MICROPHONE].drive(False)
        assert listener.wait_for(lambda names: names == ["edge", "pressed", "released"])
    finally:
        buttons.stop()
    pins.buttons[MICROPHONE].drive(True)
    assert len(listener.events) == 3
