"""In step with a card that says "ready" before it has room: when to look for room again.

ALSA's pulse plugin does so with a frame less than a period, until the sound server's next turn. To
look in vain wakes a processor, and takes the locks that the others want.
"""

from __future__ import annotations

from appliance.audio.settings import SAMPLE_RATE

SOONER_S = 0.001
"""From look to look while the step is sought, first sooner and then, after one in vain, later."""
ASIDE_S = 0.0015
"""How long after the moment at which room comes it is looked for. At that moment itself the
microphone's thread and the card's own wake, and each would wait for the others' locks.
"""
FOUND_LOOKS = 1_000
"""After so many (10 s of periods of 10 ms) the step is sought anew: the card's clock is another."""


class Step:
    """Times in monotonic seconds, room in frames. Belongs to one thread."""

    def __init__(self, period: int, buffer: int, now: float) -> None:
        self.due = now
        """When to look next."""
        self._period = period
        self._most = max(period, buffer // 2)
        self._tick = self._came = period
        """What comes free at once, and did the last time: a sound server's own turn may be longer
        than a period, but for once it may only have been held up.
        """
        self._seeking = True
        self._in_vain_at: float | None = None
        """When the look before this one was, where it was too soon."""
        self._looks = 0
        """Since the step was found."""

    def in_vain(self, now: float) -> None:
        """There was no room at *now*."""
        if now >= self.due:
            self.due = now + SOONER_S
            self._in_vain_at = now
            self._seeking, self._looks = False, 0

    def found(self, room: int, now: float) -> None:
        """There was *room* at *now*. More than comes at once is a step that was lost."""
        in_vain_at, self._in_vain_at = self._in_vain_at, None
        if in_vain_at is not None and now - in_vain_at < 2 * SOONER_S:
            came = max(self._period, min(room, self._most))
            self._tick, self._came = min(came, self._came), came
        self._looks += 1
        self._seeking |= room > self._tick or self._looks > FOUND_LOOKS
        self.due = min(self.due, now) + min(room, self._tick) / SAMPLE_RATE
        if self._seeking:
            self.due -= SOONER_S
        elif in_vain_at is not None:
            self.due += ASIDE_S
