"""One leg: a Janus session that listens as an unseen subscriber and may have a voice."""

from __future__ import annotations

import logging
from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.janus import wire
from appliance.platforms.janus.link import JanusRefusedError
from appliance.platforms.janus.rooms import Call
from appliance.platforms.janus.session import Reply, Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.janus.voice import Voice
from appliance.platforms.janus.watch import Watch
from appliance.platforms.protocol import LegPort, PlatformError

log = logging.getLogger(__name__)

MAX_LINES = 8
HUNG_UP = {
    "Detach": EndReason.REMOVED,  # now and then it comes before "detached"
    "Admin API": EndReason.REMOVED,
    "Close PC": EndReason.CALL_ENDED,  # the plugin has nothing more to send
}
"""What a ``hangup`` event's reason means; anything else is ICE or DTLS."""


class JanusLeg:
    """It `listen`s, unless a former life did; then its watch has no lines."""

    def __init__(
        self,
        settings: JanusSettings,
        session: Session,
        handle: str,
        call: Call,
        watch: Watch,
        port: LegPort,
    ) -> None:
        self.handle = handle
        self.port = port
        self.session = session
        self.room = call.interaction.id
        self.watch = watch
        self.voice = Voice(settings, session, handle, self.room)
        self._settings = settings
        self._listening: int | None = None
        self._answer: wire.Jsep | None = None
        self._passing: set[int] = set()
        """Handles that were given up by us."""

    async def listen(self, feeds: frozenset[str]) -> None:
        """Subscribe to all who publish. Raises `PlatformError`, and what the port raises."""
        handle_id = self._listening = await self.session.attach(wire.VIDEOROOM, self.handle)
        try:
            data, offer = await self._subscribe(handle_id, sorted(feeds)[:MAX_LINES])
        except JanusRefusedError as error:
            gone = (wire.VIDEOROOM_NO_SUCH_ROOM, wire.VIDEOROOM_NO_SUCH_FEED)
            if error.number in gone:
                raise PlatformError("The call has just ended.", code=EndReason.CALL_ENDED) from None
            if error.number == wire.VIDEOROOM_UNAUTHORIZED:
                raise PlatformError(
                    "The call's room refuses the PIN; correct room_pin in the settings.",
                    code=EndReason.NOT_PERMITTED,
                ) from None
            raise
        if offer is None:
            raise PlatformError("Janus offered no sound of this call; try again.")
        self._take_lines(data)
        self._answer = wire.Jsep(type="answer", sdp=await self.port.answer(offer.sdp))
        await self.session.message(handle_id, {"request": "start"}, self._answer)

    async def follow(self, moves: dict[str, str]) -> None:
        """Put new feeds on lines that have none. Raises `PlatformError`."""
        if self._listening is None or not moves:
            return
        try:
            streams = [
                {"feed": feed, "mid": await self._audio_of(feed), "sub_mid": mid}
                for mid, feed in moves.items()
            ]
            data, offer = await self.session.message(
                self._listening, {"request": "switch", "streams": streams}
            )
        except JanusRefusedError as error:
            if error.number != wire.VIDEOROOM_NO_SUCH_FEED:
                raise
            return  # it publishes, but not yet: the next look tries again
        self._take_lines(data)
        if offer is not None and self._answer is not None:
            # The same lines with the same SSRCs as before: what was answered holds.
            await self.session.message(self._listening, {"request": "start"}, self._answer)

    def heard(self, event: wire.Message) -> EndReason | None:
        """Why the leg has ended by what Janus tells of its session, if it has."""
        if event.janus == "timeout":
            return EndReason.PLATFORM_LOST
        ours = event.sender is not None and event.sender == self.voice.handle_id
        data = event.plugindata.data if event.plugindata is not None else {}
        if ours and (event.janus in ("detached", "hangup") or "kicked" in data):
            was_heard = self.voice.heard
            self.voice.lost()
            return EndReason.REMOVED if was_heard else None
        if ours:
            return None
        if event.janus == "detached" and event.sender not in self._passing:
            return EndReason.REMOVED
        if event.janus == "hangup" and event.sender == self._listening:
            log.info("Janus hung the leg up: %.200r", event.reason)
            return HUNG_UP.get(event.reason, EndReason.MEDIA_LOST)
        return None

    async def _subscribe(self, handle_id: int, feeds: list[str]) -> Reply:
        pin = self._settings.room_pin.get_secret_value()
        body: dict[str, Any] = {
            "request": "join",
            "ptype": "subscriber",
            "room": self.room,
            "streams": [{"feed": feed} for feed in feeds],
            # Else every change brings an offer with another SSRC, which nobody would answer.
            "autoupdate": False,
        }
        return await self.session.message(handle_id, body | ({"pin": pin} if pin else {}))

    async def _audio_of(self, feed: str) -> str:
        """The mid of the feed's sound, which Janus tells a subscriber only: a short-lived one."""
        handle_id = await self.session.attach(wire.VIDEOROOM, self.handle)
        self._passing.add(handle_id)
        try:
            data, _ = await self._subscribe(handle_id, [feed])
        finally:
            await self.session.detach(handle_id)
        for stream in _audio_lines(data):
            if stream.get("feed_id") == feed and isinstance(mid := stream.get("feed_mid"), str):
                return mid
        return "0"

    def _take_lines(self, data: dict[str, Any]) -> None:
        """Remember which feed is on which line."""
        for stream in _audio_lines(data):
            mid, feed = stream.get("mid"), stream.get("feed_id", "")
            if isinstance(mid, str) and isinstance(feed, str) and len(mid) <= 16:
                self.watch.lines[mid] = feed
        while len(self.watch.lines) > MAX_LINES:
            self.watch.lines.popitem()


def _audio_lines(data: dict[str, Any]) -> list[dict[str, Any]]:
    streams = data.get("streams")
    every = streams if isinstance(streams, list) else []
    return [item for item in every if isinstance(item, dict) and item.get("type") == "audio"]
