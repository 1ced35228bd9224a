"""What the leg tells of a call while it lasts: levels ten times a second, its sound once."""

from __future__ import annotations

from collections.abc import Callable

from appliance.control_link.base import Message
from appliance.control_link.events import Levels
from appliance.control_link.words import Gate, Media
from appliance.leg.call import Call
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from appliance.service.ticks import next_tick

LEVELS_S = 0.1
QUALITY_TICKS = 10


class Meters:
    """*levels()* gives the downlink's and the uplink's, in dBFS."""

    def __init__(
        self,
        *,
        call: Callable[[], Call | None],
        levels: Callable[[], tuple[float, float]],
        emit: Callable[[Message], None],
    ) -> None:
        self._call = call
        self._levels = levels
        self._emit = emit

    async def run(self) -> None:
        """For ever."""
        tick = 0
        while True:
            await next_tick(LEVELS_S)
            call = self._call()
            if call is None or call.media is Media.CONNECTING:
                tick = 0
                continue
            downlink, uplink = self._levels()
            self._emit(
                Levels(
                    session_id=call.session_id,
                    downlink=round(downlink, 1),
                    uplink=round(uplink, 1),
                )
            )
            call.sample()
            tick += 1
            if tick % QUALITY_TICKS == 0:
                self._emit(await call.quality())


async def remind(gate: Callable[[], Gate], play: Callable[[Samples], None], each_s: float) -> None:
    """For ever: a soft tone each *each_s* seconds that the gate has been open without a break."""
    live = 0
    while True:
        await next_tick(LEVELS_S)
        live = live + 1 if gate() is Gate.OPEN else 0
        if live and live % round(each_s / LEVELS_S) == 0:
            play(cue(Cue.LIVE_REMINDER))
