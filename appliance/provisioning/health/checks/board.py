"""The board's heat and supply, where it tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, fault, warning
from appliance.provisioning.health.threads import in_thread
from appliance.provisioning.words import said

HOT_C = 80.0
"""Where a Raspberry Pi begins to slow down."""


async def look(box: Box) -> list[Finding]:
    """The kernel's figures (sysfs: thermal zones, and hwmon's ``in0_lcrit_alarm``)."""
    return await in_thread(lambda: list(_look(box.root / "sys/class")))


def _look(classes: Path) -> Iterator[Finding]:
    hottest = max(temperatures(classes), default=0.0)
    if hottest >= HOT_C:
        words = said(
            "The board is at {heat} °C and slows down; the sound may break up.",
            heat=f"{hottest:.0f}",
        )
        yield warning("too_hot", words, said("Give the box air, and keep it out of the sun."))
    if any(_number(file) == 1 for file in classes.glob("hwmon/hwmon*/in0_lcrit_alarm")):
        words = said("The supply does not give enough voltage; the board may stop at any moment.")
        advice = said("Use the supply that belongs to the board, and its cable.")
        yield fault("undervoltage", words, advice)


def temperatures(classes: Path) -> list[float]:
    """Degrees Celsius of each thermal zone that tells."""
    found = (_number(file) for file in classes.glob("thermal/thermal_zone*/temp"))
    return [value / 1000 for value in found if value is not None]


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # some drivers refuse to be read now and then
        return None


CHECK = Check("board", ("too_hot", "undervoltage"), look)
