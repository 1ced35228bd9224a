"""How the call sounds: the figures of each second, and of the session so far.

Only what was sent can be missing. While nothing comes nobody can tell hold from an outage: such
a second has no figures, and the packets that come after it show which it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from appliance.control_link.events import Quality
from appliance.control_link.quality import SessionQuality, rating_of
from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE
from appliance.leg.quality import emodel
from appliance.leg.quality.arrivals import Arrivals
from appliance.leg.quality.windows import Line, LineMeter, Window

MAX_SAMPLES = 50


class QualityMeter:
    """Measures the downlink of one call; `measure` once a second and `sample` in between, on the
    loop.

    *playback_ms* is what the headset keeps waiting, *clock* the monotonic one.
    """

    def __init__(
        self,
        session_id: str,
        playback_ms: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session_id = session_id
        self._playback_ms = playback_ms
        self._clock = clock
        self._since = clock()
        self._meters: dict[Arrivals, LineMeter] = {}
        # Of lines and tracks that there are no more: a connection was made anew.
        self._received_formerly = self._lost_formerly = self._sent_formerly = 0
        self._sent = 0
        self._waits: list[float] = []
        """Delay of the jitter buffer, in ms, since the last measurement."""
        self._total = Window()
        self._opinions = _Mean()
        self._delays = _Mean()
        self._worst: float | None = None

    def sample(self, lines: Sequence[Line]) -> None:
        """Look at the jitter buffers' delay: it goes up and down by packets within a second."""
        self._waits.append(max((buffer.delay_ms for buffer, _ in lines), default=0.0))
        del self._waits[:-MAX_SAMPLES]

    def measure(self, lines: Sequence[Line], sent: int, round_trip_ms: float | None) -> Quality:
        """The figures since the last time, over all *lines* that are listened to; *sent* packets
        so far, and the round trip in ms where RTCP told it.
        """
        since, self._since = self._since, self._clock()
        window = Window()
        codec = emodel.OPUS
        for line in lines:
            new = self._meters.setdefault(line[1], LineMeter()).take(line, since, self._since)
            if new is not None:
                window.add(new)
                codec = max(codec, emodel.CODECS.get(line[1].codec, codec))
        self._forget_all_but([arrivals for _, arrivals in lines])
        if sent < self._sent:  # another track
            self._sent_formerly += self._sent
        self._sent = sent
        self.sample(lines)
        buffered = sum(self._waits) / len(self._waits)
        self._waits.clear()
        packet = max((arrivals.packet for _, arrivals in lines), default=0) or FRAME
        way = 0.0 if round_trip_ms is None else round_trip_ms / 2
        delay = packet / 48 + codec.delay_ms + way + buffered + self._playback_ms
        mos = self._judge(window, codec, delay, self._since - since)
        return Quality(
            session_id=self._session_id,
            received=self._received_formerly + sum(arrivals.received for _, arrivals in lines),
            lost=self._lost_formerly + sum(arrivals.lost for _, arrivals in lines),
            concealed_ms=int(self._total.concealed) * 1000 // SAMPLE_RATE,
            jitter_ms=round(max((b.stats.jitter for b, _ in lines), default=0.0) / 48, 2),
            delay_ms=round(buffered, 1),
            sent=self._sent_formerly + sent,
            lost_percent=window.lost_percent(),
            concealed_percent=window.percent(window.concealed),
            stretched_percent=window.percent(window.stretched),
            round_trip_ms=None if round_trip_ms is None else round(round_trip_ms, 1),
            mouth_to_ear_ms=round(delay, 1) if window.heard else None,
            mos=mos,
            rating=None if mos is None else rating_of(mos),
            session=self._so_far(),
        )

    def _forget_all_but(self, there: list[Arrivals]) -> None:
        for arrivals in set(self._meters).difference(there):
            del self._meters[arrivals]
            self._received_formerly += arrivals.received
            self._lost_formerly += arrivals.lost

    def _judge(
        self, window: Window, codec: emodel.Codec, delay_ms: float, seconds: float
    ) -> float | None:
        if not window.heard:
            return None
        loss, burst = window.unrepaired_percent(), window.burst_ratio()
        mos = round(emodel.mos(codec, loss, delay_ms, burst), 2)
        self._total.add(window)
        self._opinions.add(mos, seconds)
        self._delays.add(delay_ms, seconds)
        self._worst = mos if self._worst is None else min(mos, self._worst)
        return mos

    def _so_far(self) -> SessionQuality:
        return SessionQuality(
            mos=self._opinions.value(2),
            mos_worst=self._worst,
            lost_percent=self._total.lost_percent(),
            concealed_percent=self._total.percent(self._total.concealed),
            delay_ms=self._delays.value(1),
        )


class _Mean:
    """A mean over time."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, value: float, seconds: float) -> None:
        self._sum += value * seconds
        self._weight += seconds

    def value(self, digits: int) -> float | None:
        return round(self._sum / self._weight, digits) if self._weight else None
