"""What the lamp patterns look like: a table, and the level at any moment of a pattern.

Each pattern is told apart by rhythm alone, and every animated one starts dark: a lamp that is
lit at once is a lamp that says *live*.
"""

from __future__ import annotations

import math

from appliance.control_link.words import Lamp, LampPattern

__all__ = ["Lamp", "level_at"]

Rhythm = tuple[tuple[float, float], ...]
"""Steps of one cycle: level and seconds; a step lasts at least 0.1 s."""

RHYTHMS: dict[LampPattern, Rhythm] = {
    LampPattern.SHORT_BLINK: ((0.0, 0.85), (1.0, 0.15)),
    LampPattern.SLOW_BLINK: ((0.0, 1.0), (1.0, 1.0)),
    LampPattern.FAST_DOUBLE_BLINK: ((0.0, 0.64), (1.0, 0.12), (0.0, 0.12), (1.0, 0.12)),
    LampPattern.QUICK_BLINK: ((0.0, 0.25), (1.0, 0.25)),
    # For a lamp that cannot be dimmed; elsewhere it breathes.
    LampPattern.SLOW_BREATHE: ((0.0, 2.5), (1.0, 0.5)),
}
STEADY: dict[LampPattern, float] = {LampPattern.OFF: 0.0, LampPattern.ON: 1.0}

BREATH_S = 4.0
BREATH_STEP_S = 0.05
BREATH_PEAK = 0.6  # never as bright as the steady lamp


def level_at(pattern: LampPattern, elapsed: float, can_dim: bool) -> tuple[float, float]:
    """Level, 0.0 to 1.0, *elapsed* seconds into a pattern, and how many seconds it stays.

    Reckoned from the pattern's start, so that late calls do not add up. A steady pattern stays
    for ``inf``.
    """
    if pattern in STEADY:
        return STEADY[pattern], math.inf
    if pattern is LampPattern.SLOW_BREATHE and can_dim:
        step = math.floor(elapsed / BREATH_STEP_S + 1e-6)
        phase = (step * BREATH_STEP_S % BREATH_S) / BREATH_S
        # The square makes an even breath for the eye, which is quick to see a faint light.
        level = BREATH_PEAK * ((1 - math.cos(2 * math.pi * phase)) / 2) ** 2
        return round(level, 3), max((step + 1) * BREATH_STEP_S - elapsed, 0.001)
    rhythm = RHYTHMS[pattern]
    rest = elapsed % sum(seconds for _, seconds in rhythm)
    for level, seconds in rhythm:
        if rest < seconds - 1e-6:
            return level, seconds - rest
        rest = max(rest - seconds, 0.0)
    return rhythm[0]
