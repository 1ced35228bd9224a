"""One of the two who are on a call: what they are shown, what they are told, what they say."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from appliance.platforms.sandbox.centre.conversation import Side
from appliance.platforms.sandbox.centre.sound import FRAME, SILENCE, Pcm, mix, tone

KEPT_NOTICES = 200
CLICK_HZ = 1000.0
CLICK_DBFS = -6.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a party noticed: a roster change, a ringing, a tone. *at* is monotonic."""

    at: float
    text: str


@dataclass(slots=True)
class Click:
    """A click that is due; *spoken* gets the monotonic time at which it left the mixer."""

    due: float
    spoken: asyncio.Future[float]


@dataclass(slots=True)
class Party:
    """The agent or the customer of one call."""

    side: Side
    name: str
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=KEPT_NOTICES))
    tone: tuple[float, float] | None = None
    """Hz and dBFS of a test tone."""
    clicks: list[Click] = field(default_factory=list)

    def notice(self, text: str) -> None:
        """Let the party know, and keep it for those who ask what the party was told."""
        self.notices.append(Notice(time.monotonic(), text))

    def say(self, speech: Pcm, number: int, now: float) -> Pcm:
        """What the party utters in frame *number*: speech, and any test tone or click over it."""
        sounds = [speech] if speech is not SILENCE else []
        if self.tone is not None:
            sounds.append(tone(*self.tone, start=number * FRAME))
        if self.clicks:
            sounds += self._due_clicks(now)
        if not sounds:
            return SILENCE
        return sounds[0] if len(sounds) == 1 else mix(*sounds)

    def _due_clicks(self, now: float) -> list[Pcm]:
        due = [click for click in self.clicks if click.due <= now]
        self.clicks = [click for click in self.clicks if click.due > now]
        for click in due:
            if not click.spoken.done():
                click.spoken.set_result(now)
        return [tone(CLICK_HZ, CLICK_DBFS, 0)] if due else []
