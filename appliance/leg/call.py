"""One call of the leg from join to end: its peer, and the watch over its media."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from appliance.control_link.base import IceServer
from appliance.control_link.commands import Join
from appliance.control_link.events import Quality
from appliance.control_link.words import EndReason, Media, Party
from appliance.leg.ear.downlink import Downlink
from appliance.leg.path import watch_path
from appliance.leg.peer import Peer
from appliance.leg.quality.meter import QualityMeter
from appliance.leg.quality.windows import Line
from appliance.leg.settings import LegSettings
from appliance.leg.uplink.track import UplinkTrack
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, stop_tasks
from appliance.service.ticks import next_tick

log = logging.getLogger(__name__)

WATCH_S = 0.1
EAGER_S = 0.02
"""While packets are waited for: the call is heard from the next look on."""
ANSWER_LIMIT_S = 60.0
"""How long an offer of ours keeps the leg when nobody answers or hangs up; control has a shorter
limit of its own, and one that has gone is noticed sooner."""
FAR_END_S = 2.0
"""How long a connection that the far side took away waits, muted, for control to say why: the
platform's word that the call has ended takes another way, and may need a request or two."""
LOST_LIMIT_S = 65.0
"""How long a lost connection waits for control, whose own limit is shorter, to mend or end it."""


class CallError(BargeboxError):
    """The command does not fit the call that there is, or is not (``busy``, ``no_such_call``)."""

    code = "no_such_call"


class Call:
    """Media state of one session. *on_media(media, reason)* is called on the loop at each change;
    with `Media.ENDED` comes the reason, and the owner then closes the call. *on_voice_lost()* is
    called while a leg that speaks apart has nothing to speak over: the call goes on without, and
    `speak` makes another way. *playback_ms* is how much sound the headset keeps waiting.
    """

    def __init__(
        self,
        join: Join,
        make_track: Callable[[], UplinkTrack],
        settings: LegSettings,
        on_media: Callable[[Media, EndReason | None], None],
        on_voice_lost: Callable[[], object],
        playback_ms: float = 0.0,
    ) -> None:
        self.session_id = join.session_id
        self.parties: dict[str, Party] = {}
        """Who is on which line, by its mid, as far as control told."""
        self._meter = QualityMeter(join.session_id, playback_ms)
        self.media = Media.CONNECTING
        self._join = join
        self._settings = settings
        self._on_media = on_media
        self._on_voice_lost = on_voice_lost
        self._answered = self._accepting = False
        self._waits_since = 0.0
        """When we last said something that the platform has to react to."""
        self._broke_at: float | None = None
        self._moved_at = 0.0
        self._watches: list[asyncio.Task[None]] = []
        self._make_track = make_track
        self.track = make_track()
        self.peer = self._make_peer()
        self.speaking: Peer | None = None

    def _make_peer(self) -> Peer:
        join = self._join
        # Not given to a connection that only listens: it would be read, and its frames be lost.
        own = None if join.speaks_apart else self.track
        direction = "recvonly" if join.speaks_apart else join.direction
        return Peer(own, direction, join.ice_servers, self._broke)

    async def describe(self) -> str:
        """Our offer, or our answer to the offer that came with the join."""
        description = await self._describe()
        self._begin_watch()
        return description

    async def _describe(self) -> str:
        offer, peer = self._join.offer, self.peer
        if offer is None:
            return await peer.offer()
        description = await peer.answer(offer)
        self._answered |= self.peer is peer
        return description

    async def renew(self, join: Join) -> str:
        """A fresh connection in place of the one that there is; our offer or answer.

        The media is ``lost`` until packets come over it. The former one is closed first. Raises
        `CallError` when the call was ended meanwhile, or renewed once more.
        """
        self._set(Media.LOST)  # shuts the gate
        former = [peer for peer in (self.speaking, self.peer) if peer is not None]
        for peer in former:
            peer.let_go()  # all, before one is waited for: what breaks now is no news
        self._join, self._answered, self._accepting, self._broke_at = join, False, False, None
        self.track, self.speaking = self._make_track(), None
        self.peer = fresh = self._make_peer()
        for peer in former:
            await peer.close()
        description = await self._describe() if self._is_at(fresh) else ""
        if not self._is_at(fresh):
            raise CallError("the call was ended, or connected once more meanwhile")
        return description

    def _is_at(self, peer: Peer) -> bool:
        return self.peer is peer and self.media is not Media.ENDED

    async def accept(self, sdp: str) -> None:
        """The platform's answer to our offer."""
        if self._accepting or self._answered:
            raise CallError("this call is answered already", code="failed")
        peer, self._accepting = self.peer, True
        try:
            await peer.accept(sdp)
        finally:
            self._accepting = False
        if self.peer is peer:
            self._answered, self._waits_since = True, time.monotonic()

    @property
    def may_arm(self) -> bool:
        """Whether the gate may be prepared: what is missing to speak can be had in time."""
        return self.peer.may_send or self._join.speaks_apart

    @property
    def may_send(self) -> bool:
        """Whether the platform takes what we send."""
        peer = self.speaking if self._join.speaks_apart else self.peer
        return peer is not None and peer.may_send and self.track.readyState == "live"

    async def speak(self, ice_servers: list[IceServer]) -> str:
        """Our offer of a connection that only speaks, in place of one that there was."""
        if not self._join.speaks_apart:
            raise CallError("this leg is heard over the connection that it has", code="failed")
        former = self.speaking
        self.track = self._make_track()  # one that a connection had ends with it
        self.speaking = peer = Peer(self.track, "sendonly", ice_servers, self._check_voice)
        if former is not None:
            await former.close()
        return await peer.offer()

    async def accept_speaking(self, sdp: str) -> None:
        """The answer to that offer; returns when the connection is up."""
        peer = self.speaking
        if peer is None:
            raise CallError("nothing was offered to speak over", code="failed")
        await peer.accept(sdp)
        await peer.until_up(self._settings.connect_timeout_s)

    def _begin_watch(self) -> None:
        if self.media is Media.ENDED:
            return  # it was hung up meanwhile, and nobody would stop the watch
        self._waits_since = time.monotonic()
        self._watches = [
            deadly_task(self._watch_media(), f"media watch of {self.session_id}"),
            deadly_task(watch_path(self._suspect, self._lose), f"path of {self.session_id}"),
        ]

    def _suspect(self) -> Peer | None:
        silent = self.media is Media.INTERRUPTED and self._broke_at is None
        return self.peer if silent else None

    async def _watch_media(self) -> None:
        while True:
            await next_tick(WATCH_S if self.media is Media.CONNECTED else EAGER_S)
            if self.media is not Media.ENDED:
                self._check(time.monotonic())

    def _check(self, now: float) -> None:
        last = self.peer.last_packet
        if self._join.speaks_apart:
            self._check_voice()
        if self._broke_at is not None:
            if now - self._broke_at > FAR_END_S:
                self._set(Media.LOST)
        elif self.track.readyState != "live" and not self._join.speaks_apart:
            # aiortc's sender has given up, which it tells nobody: we could only seem to speak.
            self._lose()
        elif last is None:
            self._check_beginning(now - self._waits_since)
        elif now - last > self._settings.media_timeout_s:
            self._set(Media.LOST)
        elif now - last <= self._settings.interrupted_after_s:
            self._set(Media.CONNECTED)
        elif self.media is not Media.LOST:
            self._set(Media.INTERRUPTED)
        if self.media is Media.LOST and now - self._moved_at > LOST_LIMIT_S:
            self._set(Media.ENDED, EndReason.MEDIA_LOST)

    def _check_beginning(self, waited: float) -> None:
        if self.media is not Media.CONNECTING:
            return
        if self._answered and waited > self._settings.connect_timeout_s:
            self._set(Media.ENDED, EndReason.MEDIA_LOST)
        elif not (self._answered or self._accepting) and waited > ANSWER_LIMIT_S:
            self._set(Media.ENDED, EndReason.FAILED)

    def _broke(self) -> None:
        """A connection broke, or the far side closed it, as it does when the call is over."""
        if self.media is Media.CONNECTING:
            self._lose()
        elif self._broke_at is None:
            self._broke_at = time.monotonic()
            if self.media is Media.CONNECTED:
                self._set(Media.INTERRUPTED)

    def _lose(self) -> None:
        if self.media is Media.CONNECTING:
            self._set(Media.ENDED, EndReason.MEDIA_LOST)
        else:
            self._set(Media.LOST)

    def _check_voice(self) -> None:
        if self.media is not Media.ENDED and not self.may_send:
            self._on_voice_lost()

    def _set(self, media: Media, reason: EndReason | None = None) -> None:
        if media is not self.media and self.media is not Media.ENDED:
            log.info("media of session %s is %s", self.session_id, media)
            self.media = media
            self._moved_at = time.monotonic()
            self._on_media(media, reason)

    async def quality(self) -> Quality:
        """The figures since the last time, over all lines that we listen to."""
        round_trip_ms = await self.peer.round_trip_ms()
        if round_trip_ms is None and self.speaking is not None:
            round_trip_ms = await self.speaking.round_trip_ms()
        return self._meter.measure(self._lines(), self.track.sent, round_trip_ms)

    def sample(self) -> None:
        """Take the delay of the moment into the next figures."""
        self._meter.sample(self._lines())

    def _lines(self) -> list[Line]:
        return list(zip(self.peer.streams, self.peer.arrivals, strict=True))

    def play(self, downlink: Downlink) -> None:
        """Let all lines be heard, each from its party's side."""
        parties = [self.parties.get(mid) for mid in self.peer.mids]
        downlink.connect(*self.peer.streams, parties=parties)

    async def close(self) -> None:
        """End our leg and nothing else. The media state says ended before anything is awaited."""
        self.media = Media.ENDED
        self.track.stop()
        await stop_tasks(*self._watches)
        if self.speaking is not None:
            await self.speaking.close()
        await self.peer.close()
