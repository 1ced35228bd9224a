"""The downlink's jitter buffer: packets in from the loop, 10 ms blocks out to the playback thread.

In the manner of WebRTC's NetEq each block is played as it is, recovered, concealed, a pitch period
shorter or longer, or made up while a packet is awaited, so that the delay follows what the network
asks for. The play position stands still while a packet is awaited: what is only late is heard.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from appliance.leg import stretch
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from appliance.leg.codecs.table import OPUS
from appliance.leg.receive.delay import ArrivalStatistics
from appliance.leg.receive.pacing import FAR_AHEAD, Pacing
from appliance.leg.receive.past import STRAGGLING, Past, Verdict
from appliance.leg.receive.store import MAX_PACKETS, Packet
from appliance.leg.receive.timeline import UNIT, JitterStats, Timeline

BLOCK = 480
"""Samples of one block (10 ms)."""
EARLY = 720
"""The delay to begin with (15 ms); what the network needs beyond it is learned as it is heard."""
SMOOTHING = 1 / 8
ELSEWHERE = 24_000
"""A delay that is measured so differently (0.5 s) belongs to another time-line."""
TOO_MUCH = 48_000
"""With so much more in store than needed (1 s) what is oldest is not worth hearing."""
SKIPPABLE = 2_880
"""With so much more in store than needed (60 ms) a hole is left out rather than concealed."""

_SILENCE: Samples = np.zeros(BLOCK, np.int16)


class JitterBuffer:
    """`put` on the loop, `pop` in one playback thread: neither waits for the other.

    Between them is a bounded queue; all else belongs to the playback thread.
    """

    def __init__(self) -> None:
        self.stats = JitterStats()
        self.delay_ms = 0.0
        """How much audio waits to be played, in ms."""
        self.live = False
        """Whether the supervisor talks too: delay counts more than gaps. Any thread may set it."""
        self._arrived: deque[Packet] = deque(maxlen=MAX_PACKETS)
        self._statistics = ArrivalStatistics()
        self._timeline = Timeline(self.stats)
        self._pacing = Pacing()
        self._ssrc: int | None = None
        self._before: tuple[int, int] | None = None
        self._pcm: Samples = np.zeros(0, np.int16)
        self._heard: deque[Samples] = deque([_SILENCE] * (stretch.PAST // BLOCK))
        """The last blocks, `stretch.PAST` together."""
        self._delay = 0.0
        """From a packet's arrival, were it never late, to its first sample's turn."""
        self._awaited = 0
        """Samples made up since the last packet that was played: 0 where nothing need be merged."""
        self._hole = range(0)
        """The last one that counted as lost, until something of it comes after all."""
        self._past = Past()
        self._untouched = self._first = True

    @property
    def awaiting(self) -> int:
        """Samples made up since the last packet: lost, late or never sent is not known yet."""
        return self._awaited

    def put(
        self,
        ssrc: int,
        timestamp: int,
        payload: bytes,
        arrival_s: float,
        codec: Codec | None = OPUS,
        number: int | None = None,
    ) -> None:
        """Take one packet; *timestamp* and *number* are RTP's (32 bit, of the codec's clock, and
        16 bit), *arrival_s* monotonic. One of no *codec* is dropped.
        """
        self.stats.received += 1
        if codec is None:
            self.stats.unknown += 1
            return
        arrival = int(arrival_s * SAMPLE_RATE)
        # Another clock is another time-line, as if the source were another (RFC 7160).
        source = ssrc | codec.clock << 32
        stamp = timestamp * (SAMPLE_RATE // codec.clock) & 0xFFFFFFFF
        samples = codec.samples(payload)
        self._arrived.append(Packet(source, stamp, payload, samples, arrival, codec, number))

    def pop(self) -> Samples:
        """The next 10 ms, shape ``(480,)``; silence before there is a stream."""
        self._statistics.live = self.live
        while self._arrived:
            self._take(self._arrived.popleft())
        if self._ssrc is None:
            return np.zeros(BLOCK, np.int16)
        if self._first:
            self._lead_in()
        self._decode(BLOCK)
        if len(self._pcm) < BLOCK:
            self._wait()
        else:
            self._stretch()
        block, self._pcm = self._pcm[:BLOCK], self._pcm[BLOCK:]
        self._heard.popleft()
        self._heard.append(block)
        self._pacing.heard(block)
        self.stats.jitter = self._statistics.jitter
        self.delay_ms = (self._timeline.waiting() + len(self._pcm)) / 48
        return block

    def _lead_in(self) -> None:
        """Silence for as long as what is here already does not make up the first delay."""
        store = self._timeline.store
        at = store.first()
        if at is not None:
            self._first = False
            here = self._timeline.waiting() - store.peek(at).samples
            self._pcm = np.zeros(max(0, EARLY - here), np.int16)
            self._delay += len(self._pcm)

    def _take(self, packet: Packet) -> None:
        if not packet.samples:
            self.stats.malformed += 1
            return
        if packet.ssrc != self._ssrc and not self._begin(packet):
            return
        timeline = self._timeline
        overtaken = self._past.overtaken(packet.number, packet.arrival)
        at = timeline.store.unwrap(packet.timestamp, packet.arrival)
        if at is None:
            return
        lateness = self._statistics.add(at, packet.arrival)
        if self._untouched and (not len(timeline.store) or at < timeline.position):
            timeline.position = at
        if at + packet.samples <= timeline.position:
            if not self._go_back(at, overtaken=overtaken):
                return
            if self._statistics.empty:
                lateness = self._statistics.add(at, packet.arrival)
        self._past.is_over()
        self.stats.dropped += timeline.store.add(at, packet)
        measured = at - timeline.position + len(self._pcm) + lateness
        if abs(measured - self._delay) > ELSEWHERE:
            self._delay = measured
        self._delay += (measured - self._delay) * SMOOTHING

    def _begin(self, packet: Packet) -> bool:
        """Another source takes over; False for a straggler of the one before."""
        if self._before is not None:
            ssrc, until = self._before
            if packet.ssrc == ssrc and packet.arrival < until:
                self.stats.late += 1
                return False
        if self._ssrc is not None:
            self._before = (self._ssrc, packet.arrival + STRAGGLING)
            self._timeline.reset()
            self._statistics.reset()
            self._past = Past()
            made_up = [self._timeline.wait(), self._timeline.wait()]
            self._pcm = np.concatenate([self._pcm[:BLOCK], *made_up])
            self._awaited = UNIT
        self._ssrc = packet.ssrc
        self._delay = len(self._pcm)
        self._untouched = True
        return True

    def _go_back(self, at: int, *, overtaken: bool) -> bool:
        """Set the play position back to a packet of the past; False where it is just late."""
        timeline = self._timeline
        verdict = self._past.judge(at, overtaken=overtaken, paused_from=timeline.paused_from)
        if verdict is Verdict.LATE:
            self.stats.late += 1
            if at in self._hole:  # and not a repeat of what was heard
                self._hole = range(0)
                self._statistics.was_late()
            return False
        if verdict is Verdict.ANEW:
            self._statistics.reset()
            timeline.store.clear()
        timeline.position = at
        self._delay = len(self._pcm)
        self._awaited = max(self._awaited, 1)
        return True

    def _excess(self) -> int:
        return int(self._delay) - self._statistics.target

    def _decode(self, wanted: int) -> None:
        """Have at least *wanted* samples ready, if the line gives them."""
        timeline = self._timeline
        while len(self._pcm) < wanted:
            lost, begin = self.stats.lost, timeline.position
            self._skip()
            made_up = None
            if self._awaited and timeline.waiting():
                made_up = np.concatenate([self._pcm, timeline.wait(), timeline.wait()])
            here = timeline.ready()
            audio = timeline.next()
            if audio is None:
                return
            self._untouched = False
            if self.stats.lost > lost:
                self._hole = range(begin, timeline.position)
                self._statistics.count_loss(lost=True)
            elif here:
                self._statistics.count_loss(lost=False)
            if made_up is None:
                self._pcm = np.concatenate([self._pcm, audio]) if len(self._pcm) else audio
                continue
            before = len(self._pcm) + len(audio)
            self._pcm = stretch.merge(made_up, audio, len(self._pcm))
            self._delay += len(self._pcm) - before
            self._awaited = 0

    def _skip(self) -> None:
        """Leave out what is not worth hearing, or was waited through already."""
        timeline, excess = self._timeline, self._excess()
        if self._awaited and timeline.adopt(self._awaited):
            # What was awaited is lost: what was made up meanwhile stands for it.
            self._delay -= self._awaited
            self._awaited = 0
            return
        hole = timeline.hole()
        if excess > TOO_MUCH:
            skipped = excess
        elif hole and excess > 0 and (self._awaited or excess > SKIPPABLE):
            skipped = min(hole, excess)
        else:
            return
        timeline.skip(skipped)
        self._delay -= skipped
        self._awaited = max(self._awaited, 1)

    def _wait(self) -> None:
        """Nothing more is here: go on as if, and let the delay grow by it."""
        self._pcm = np.concatenate([self._pcm, self._timeline.wait()])
        self._awaited += UNIT
        self._delay += UNIT
        self.stats.concealed += UNIT
        self._pacing.gap()

    def _stretch(self) -> None:
        off = self._pacing.off_by(self._excess())
        if off > 0:
            self._shorten(off)
        elif off < 0:
            self._lengthen(-off)

    def _shorten(self, excess: int) -> None:
        self._look_ahead(stretch.AHEAD)
        if self._pacing.quiet(self._pcm[: stretch.AHEAD]):
            self._look_ahead(min(FAR_AHEAD, excess + stretch.AHEAD))
            spare = min(excess, self._pacing.pause_to_spare(self._pcm))
            if spare >= stretch.MIN_PERIOD:
                self._leave_out(stretch.Seam(spare, 0.0))
                return
        if not self._pacing.may_allow():
            return
        seam = stretch.shorter(self._pcm, excess + stretch.SPARE)
        if seam and self._pacing.allows(seam, excess, self._pcm[: seam.lag], self._pcm):
            self._leave_out(seam)

    def _leave_out(self, seam: stretch.Seam) -> None:
        self._pcm = stretch.shorten(self._pcm, seam)
        self._stretched(-seam.lag)

    def _look_ahead(self, wanted: int) -> None:
        while len(self._pcm) < wanted and self._timeline.ready():
            self._decode(len(self._pcm) + 1)

    def _lengthen(self, missing: int) -> None:
        if not self._pacing.may_allow():
            return
        past = np.concatenate(self._heard)
        seam = stretch.longer(past, self._pcm, missing + stretch.SPARE)
        if seam and self._pacing.allows(seam, missing, past[-seam.lag :], self._pcm):
            self._pcm = stretch.lengthen(past, self._pcm, seam)
            self._stretched(seam.lag)

    def _stretched(self, samples: int) -> None:
        self._delay += samples
        self.stats.stretched += abs(samples)
        self._pacing.done()
