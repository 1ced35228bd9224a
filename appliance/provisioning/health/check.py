"""What every check is: the codes that it may find, how often it looks, and its fixes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.finding import Finding

MINUTE_S = 60.0
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Fix:
    """What the box can do about a finding when somebody asks for it."""

    label: str
    """On the button: a verb and what it does."""
    work: Callable[[Box, str], Awaitable[None]]
    """Does it, in the name of a person. Raises `BargeboxError`."""


@dataclass(frozen=True, slots=True)
class Check:
    """One look at one part of the box."""

    name: str
    codes: tuple[str, ...]
    """All that it may find."""
    look: Callable[[Box], Awaitable[Iterable[Finding]]]
    """Looks; what may wait for the disk waits in a thread."""
    fixes: Mapping[str, Fix] = field(default_factory=dict)
    """By code."""
    every_s: float = MINUTE_S
    limit_s: float = 10.0
    """The longest that a look may take."""
    heavy: bool = False
    """It reads much: nobody waits for it, and it lets a new life take up its call first."""
