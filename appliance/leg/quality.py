"""How the call sounds: the figures of each second, and of the session so far.

Only what was sent can be missing. While nothing comes nobody can tell hold from an outage: such
a second has no figures, and the packets that come after it show which it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from appliance.control_link.events import Quality
from appliance.control_link.quality import SessionQuality, rating_of
from appliance.leg import emodel
from appliance.leg.opus import FRAME, SAMPLE_RATE
from appliance.leg.windows import Line, LineMeter, Window

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
        codec: emodel.Codec = emodel.OPUS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session_id = session_id
        self._playback_ms = playback_ms
        self._codec = codec
        self._clock = clock
        self._since = clock()
        self._meters: list[LineMeter] = []
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
        while len(self._meters) < len(lines):
            self._meters.append(LineMeter())
        window = Window()
        for meter, line in zip(self._meters, lines, strict=False):
            new = meter.take(line, since, self._since)
            if new is not None:
                window.add(new)
        self.sample(lines)
        buffered = sum(self._waits) / len(self._waits)
        self._waits.clear()
        packet = max((arrivals.packet for _, arrivals in lines), default=0) or FRAME
        delay = self._delay(packet * 1000 / SAMPLE_RATE, buffered, round_trip_ms)
        mos = self._judge(window, delay, self._since - since)
        return Quality(
            session_id=self._session_id,
            received=sum(buffer.stats.received for buffer, _ in lines),
            lost=sum(arrivals.lost for _, arrivals in lines),
            concealed_ms=int(self._total.concealed) * 1000 // SAMPLE_RATE,
            jitter_ms=round(max((b.stats.jitter for b, _ in lines), default=0.0) / 48, 2),
            delay_ms=round(buffered, 1),
            sent=sent,
            lost_percent=window.lost_percent(),
            concealed_percent=window.percent(window.concealed),
            stretched_percent=window.percent(window.stretched),
            round_trip_ms=None if round_trip_ms is None else round(round_trip_ms, 1),
            mouth_to_ear_ms=round(delay, 1) if window.heard else None,
            mos=mos,
            rating=None if mos is None else rating_of(mos),
            session=self._so_far(),
        )

    def _delay(self, packet_ms: float, buffered_ms: float, round_trip_ms: float | None) -> float:
        way_ms = 0.0 if round_trip_ms is None else round_trip_ms / 2
        return packet_ms + self._codec.delay_ms + way_ms + buffered_ms + self._playback_ms

    def _judge(self, window: Window, delay_ms: float, seconds: float) -> float | None:
        if not window.heard:
            return None
        loss, burst = window.unrepaired_percent(), window.burst_ratio()
        mos = round(emodel.mos(self._codec, loss, delay_ms, burst), 2)
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
