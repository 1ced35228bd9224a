"""Board profiles and the pins behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.control_link.words import Button
from appliance.panel.board import BOARDS_DIR, board_names, load_board
from appliance.panel.errors import BoardError, PanelError
from appliance.panel.patterns import Lamp
from appliance.panel.pins import find_chip, open_pins
from appliance.panel.settings import PanelSettings

GOOD = (BOARDS_DIR / "virtual.toml").read_text(encoding="utf-8").replace("virtual", "mine", 1)


def refusal(directory: Path, text: str) -> str:
    (directory / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BoardError) as caught:
        load_board("mine", directory)
    assert caught.value.code == "wrong_board"
    return caught.value.detail


def test_every_profile_is_sound() -> None:
    assert board_names() == ["raspberry-pi-4", "raspberry-pi-5", "virtual"]
    labels = {name: load_board(name).gpio_chip_label for name in board_names()}
    assert labels == {
        "raspberry-pi-4": "pinctrl-bcm2711",
        "raspberry-pi-5": "pinctrl-rp1",
        "virtual": "",
    }
    wirings = {load_board(name).model_dump_json(include={"buttons", "lamps"}) for name in labels}
    assert len(wirings) == 1, "one wiring loom fits all boards"


def test_a_profile_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD, encoding="utf-8")
    assert load_board("mine", tmp_path).title == "Virtual board (no hardware)"


def test_an_unknown_board_is_answered_with_those_that_exist() -> None:
    with pytest.raises(BoardError, match="choose one of: raspberry-pi-4, raspberry-pi-5, virtual"):
        load_board("raspberry-pi-6")
    with pytest.raises(BoardError, match="There is no board"):
        load_board("../boards/virtual")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("gpio = 27", "gpio = 17", "GPIO17 is used twice: by buttons.microphone and by"),
        ("gpio = 27", "gpio = 28", "buttons.hang_up.gpio: Input should be less than or equal"),
        ("gpio = 27", "gpio = 0", "buttons.hang_up.gpio: Input should be greater than"),
        ("gpio = 27", 'gpio = "27"', "buttons.hang_up.gpio: Input should be a valid integer"),
        ("gpio = 27", "gpio = 27\npul = 1", "buttons.hang_up.pul: Extra inputs"),
        ("gpio = 27", "gpio = ", "not valid TOML: Invalid value (at line 13"),
        ('gpio = 27\npull = "up"', 'gpio = 3\npull = "down"', "GPIO3 has a soldered pull-up"),
        ('pins = "mock"', 'pins = "lgpio"', "needs gpio_chip_label"),
        ('pins = "mock"', 'pins = "sysfs"', "pins: Input should be 'lgpio' or 'mock'"),
        ('name = "mine"', 'name = "other"', "names itself 'other'"),
        ("[lamps.status]", "[lamps.state]", "lamps.status: Field required"),
    ],
)
def test_a_wrong_profile_is_refused_in_words(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in GOOD
    assert words in refusal(tmp_path, GOOD.replace(old, new, 1))


def test_a_profile_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BoardError, match="not valid TOML"):
        load_board("mine", tmp_path)


def test_settings_name_no_path() -> None:
    with pytest.raises(ValueError, match="board"):
        PanelSettings(board="../../etc/passwd")


def test_the_chip_is_found_by_label() -> None:
    labels = {0: "gpio-brcmstb", 4: "pinctrl-rp1", 9: "pinctrl-rp1"}
    assert find_chip("pinctrl-rp1", labels) == 4
    with pytest.raises(PanelError, match="no GPIO chip 'pinctrl-bcm2711'") as caught:
        find_chip("pinctrl-bcm2711", labels)
    assert caught.value.code == "wrong_board"


def test_a_board_that_this_machine_is_not() -> None:
    with pytest.raises(PanelError, match="no GPIO chip 'pinctrl-rp1'"):
        open_pins(load_board("raspberry-pi-5"), lambda: {0: "pinctrl-bcm2711"})


@pytest.mark.parametrize("pull", ["up", "down", "floating"])
@pytest.mark.parametrize("active", ["low", "high"])
def test_every_kind_of_contact(tmp_path: Path, pull: str, active: str) -> None:
    text = GOOD.replace('pull = "up"', f'pull = "{pull}"', 1)
    text = text.replace('active = "low"', f'active = "{active}"', 1)
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    pins = open_pins(load_board("mine", tmp_path))
    contact = pins.buttons[Button.MICROPHONE]
    seen: list[bool] = []
    try:
        assert not contact.is_down()
        contact.watch(lambda down, at: seen.append(down))
        contact.drive(True)
        assert contact.is_down()
        contact.drive(False)
        contact.unwatch()
        contact.drive(True)
    finally:
        pins.close()
    assert seen == [True, False]


@pytest.mark.parametrize("active_high", [True, False])
def test_a_lamp_has_its_polarity_and_is_dark_at_both_ends(
    tmp_path: Path, active_high: bool
) -> None:
    text = GOOD.replace("active_high = true", f"active_high = {str(active_high).lower()}")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    pins = open_pins(load_board("mine", tmp_path))
    lamp = pins.lamps[Lamp.MICROPHONE]
    pin = lamp._device.pin
    dark, lit = (0.0, 1.0) if active_high else (1.0, 0.0)
    assert pin.state == dark
    lamp.set(1.0)
    assert (pin.state, pin.frequency) == (lit, None)
    lamp.set(0.25)
    assert pin.state == (0.25 if active_high else 0.75)
    assert pin.frequency
    lamp.set(0.0)
    assert (pin.state, pin.frequency) == (dark, None)
    plain = pins.lamps[Lamp.STATUS]
    plain.set(0.7)
    assert plain._device.pin.state == lit
    for _ in range(3000):  # a mock pin's memory stays bounded
        lamp.set(1.0)
        lamp.set(0.0)
    assert len(pin.states) <= 1001
    pins.close()
    pins.close()
