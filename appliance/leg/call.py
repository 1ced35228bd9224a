"""One call of the leg from join to end: its peer, and the watch over its media."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from appliance.control_link.commands import Join
from appliance.control_link.events import Quality
from appliance.control_link.words import EndReason, Media
from appliance.leg.peer import Peer
from appliance.leg.settings import LegSettings
from appliance.leg.uplink import UplinkTrack
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

WATCH_S = 0.05
ANSWER_LIMIT_S = 60.0
"""How long an offer of ours keeps the leg when nobody answers or hangs up; control has a shorter
limit of its own, and one that has gone is noticed sooner."""


class CallError(BargeboxError):
    """The command does not fit the call that there is, or is not (``busy``, ``no_such_call``)."""

    code = "no_such_call"


class Call:
    """Media state of one session. *on_media(media, reason)* is called on the loop at each change;
    with `Media.ENDED` comes the reason, and the owner then closes the call.
    """

    def __init__(
        self,
        join: Join,
        track: UplinkTrack,
        settings: LegSettings,
        on_media: Callable[[Media, EndReason | None], None],
    ) -> None:
        self.session_id = join.session_id
        self.media = Media.CONNECTING
        self._join = join
        self._settings = settings
        self._on_media = on_media
        self._answered = False
        self._accepting = False
        self._waits_since = 0.0
        """When we last said something that the platform has to react to."""
        self._watch: asyncio.Task[None] | None = None
        self.peer = Peer(track, join.direction, join.ice_servers, self._lost)

    async def describe(self) -> str:
        """Our offer, or our answer to the offer that came with the join."""
        if self._join.offer is None:
            description = await self.peer.offer()
        else:
            description = await self.peer.answer(self._join.offer)
            self._answered = True
        self._begin_watch()
        return description

    async def accept(self, sdp: str) -> None:
        """The platform's answer to our offer."""
        if self._accepting or self._answered:
            raise CallError("this call is answered already", code="failed")
        self._accepting = True
        try:
            await self.peer.accept(sdp)
        finally:
            self._accepting = False
        self._answered = True
        self._waits_since = time.monotonic()

    def _begin_watch(self) -> None:
        if self.media is Media.ENDED:
            return  # it was hung up meanwhile, and nobody would stop the watch
        self._waits_since = time.monotonic()
        self._watch = deadly_task(self._watch_media(), f"media watch of {self.session_id}")

    async def _watch_media(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            if self.media is not Media.ENDED:
                self._check(time.monotonic())

    def _check(self, now: float) -> None:
        last = self.peer.last_packet
        if self.peer.track.readyState != "live":
            # aiortc's sender has given up, which it tells nobody: we could only seem to speak.
            self._set(Media.ENDED, EndReason.MEDIA_LOST)
        elif last is None:
            waited = now - self._waits_since
            if self._answered and waited > self._settings.connect_timeout_s:
                self._set(Media.ENDED, EndReason.MEDIA_LOST)
            elif not (self._answered or self._accepting) and waited > ANSWER_LIMIT_S:
                self._set(Media.ENDED, EndReason.FAILED)
        elif now - last > self._settings.media_timeout_s:
            self._set(Media.ENDED, EndReason.MEDIA_LOST)
        elif now - last > self._settings.interrupted_after_s:
            self._set(Media.INTERRUPTED)
        else:
            self._set(Media.CONNECTED)

    def _lost(self) -> None:
        self._set(Media.ENDED, EndReason.MEDIA_LOST)

    def _set(self, media: Media, reason: EndReason | None = None) -> None:
        if media is not self.media and self.media is not Media.ENDED:
            log.info("media of session %s is %s", self.session_id, media)
            self.media = media
            self._on_media(media, reason)

    def quality(self) -> Quality:
        """The figures of the moment."""
        stream = self.peer.stream
        stats = stream.stats
        return Quality(
            session_id=self.session_id,
            received=stats.received,
            lost=stats.lost,
            concealed_ms=stats.concealed // 48,
            jitter_ms=round(stats.jitter / 48, 2),
            delay_ms=round(stream.delay_ms, 1),
            sent=self.peer.track.sent,
        )

    async def close(self) -> None:
        """End our leg and nothing else. The media state says ended before anything is awaited."""
        self.media = Media.ENDED
        await stop_tasks(self._watch)
        await self.peer.close()
