"""Board profiles: one TOML file in ``hardware/boards`` says where a board's panel is wired."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from appliance.panel.errors import BoardError

BOARDS_DIR = Path(__file__).parents[2] / "hardware" / "boards"
"""Where the profiles lie in a checkout."""

FIXED_PULL_UP = frozenset({2, 3})
"""I²C pins: every board soldered them to 1.8 kΩ pull-ups."""

Gpio = Annotated[int, Field(strict=True, ge=2, le=27)]
"""A GPIO of the 40-pin header by its BCM number; 0 and 1 belong to the HAT's identity EEPROM."""


class _Table(BaseModel):
    """Common form: a misspelt key is an error, not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ButtonPins(_Table):
    """A button's contact; *active* is the level while it is pressed."""

    gpio: Gpio
    pull: Literal["up", "down", "floating"] = "up"
    active: Literal["low", "high"] = "low"

    @model_validator(mode="after")
    def _pull_is_possible(self) -> Self:
        if self.gpio in FIXED_PULL_UP and self.pull != "up":
            raise ValueError(f'GPIO{self.gpio} has a soldered pull-up: set pull = "up"')
        return self


class LampPins(_Table):
    """A lamp; *pwm* says that it may be dimmed (breathes instead of blinking)."""

    gpio: Gpio
    active_high: bool = True
    pwm: bool = False


class PanelButtons(_Table):
    """The two buttons."""

    microphone: ButtonPins
    hang_up: ButtonPins


class PanelLamps(_Table):
    """The two lamps."""

    microphone: LampPins
    status: LampPins


class BoardProfile(_Table):
    """A board: which pins it has and what is wired to them."""

    name: str
    title: Annotated[str, Field(min_length=1, max_length=100)]
    pins: Literal["lgpio", "mock"]
    gpio_chip_label: str = ""
    buttons: PanelButtons
    lamps: PanelLamps

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.pins == "lgpio" and not self.gpio_chip_label:
            raise ValueError('pins = "lgpio" needs gpio_chip_label, as `gpiodetect` shows it')
        used: dict[int, str] = {}
        for where, gpio in self._wiring():
            if gpio in used:
                raise ValueError(f"GPIO{gpio} is used twice: by {used[gpio]} and by {where}")
            used[gpio] = where
        return self

    def _wiring(self) -> Iterator[tuple[str, int]]:
        yield "buttons.microphone", self.buttons.microphone.gpio
        yield "buttons.hang_up", self.buttons.hang_up.gpio
        yield "lamps.microphone", self.lamps.microphone.gpio
        yield "lamps.status", self.lamps.status.gpio


def board_names(boards_dir: Path | None = None) -> list[str]:
    """Names of the profiles that exist, sorted."""
    return sorted(path.stem for path in (boards_dir or BOARDS_DIR).glob("*.toml"))


def load_board(name: str, boards_dir: Path | None = None) -> BoardProfile:
    """Read and check the profile *name*.

    Raises `BoardError` with what is wrong, where, and which boards there are.
    """
    directory = boards_dir or BOARDS_DIR
    names = board_names(directory)
    if name not in names:
        known = ", ".join(names) or "none"
        raise BoardError(f"There is no board {name!r} in {directory}; choose one of: {known}.")
    path = directory / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoardError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(f"{path} is not valid TOML: {error}.") from error
    try:
        profile = BoardProfile.model_validate(table)
    except ValidationError as error:
        raise BoardError(f"{path} is not a board profile: {_faults(error)}.") from error
    if profile.name != name:
        raise BoardError(f"{path} names itself {profile.name!r}; set name = {name!r} in it.")
    return profile


def _faults(error: ValidationError) -> str:
    """Every fault as ``table.key: what is wrong``."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'profile'}: "
        f"{fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False)
    )
