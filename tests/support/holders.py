"""Who keeps people from joining calls, as the domain's desk keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial


@dataclass(eq=False)
class Holders:
    """Nobody may join as long as there is one of them."""

    closed_by: set[object] = field(default_factory=set)

    def hold(self) -> Callable[[], None]:
        """One more; what is given back lets go."""
        holder = object()
        self.closed_by.add(holder)
        return partial(self.closed_by.discard, holder)

    @property
    def closed(self) -> bool:
        """Whether nobody may join."""
        return bool(self.closed_by)
