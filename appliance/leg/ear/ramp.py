"""A gain that goes from one value to another without a click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RAMP = 960
"""Samples from one value to the next (20 ms)."""


class Ramp:
    """Belongs to one thread, but for `target`."""

    def __init__(self, value: float, target: float | None = None) -> None:
        self.value = value
        """Where it is."""
        self.target = value if target is None else target
        """Where it goes; any thread may set it."""
        self._aim = value
        self._step = 0.0

    @property
    def steady(self) -> bool:
        """Whether it is where it should be."""
        return self.value == self.target

    def take(self, frames: int) -> NDArray[np.float32] | float:
        """The gain of the next *frames* samples: an array while it moves, else a number."""
        target = self.target
        if self.value == target:
            return target
        if target != self._aim:
            self._aim = target
            self._step = (target - self.value) / RAMP
        way = self.value + self._step * np.arange(1, frames + 1, dtype=np.float32)
        low, high = sorted((self.value, target))
        gain: NDArray[np.float32] = np.clip(way, low, high).astype(np.float32, copy=False)
        self.value = (
            target if abs(self._step) * frames >= abs(target - self.value) else float(gain[-1])
        )
        return gain
