"""The leg's ear: an unseen subscriber of the call's room, with a line for each who speaks there."""

from __future__ import annotations

import time
from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.janus import wire
from appliance.platforms.janus.link import JanusRefusedError
from appliance.platforms.janus.note import Note
from appliance.platforms.janus.session import Reply, Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.janus.watch import moves
from appliance.platforms.protocol import LegPort, PlatformError

MAX_LINES = 8
MAX_MID = 16
"""Characters; neither a longer ``mid`` nor an empty one can be told to our leg."""
NO_LINE = "bargebox-looks"
"""The ``mid`` of no line: to switch it changes nothing, and Janus tells how the lines are."""
LOOK_S = 5.0
"""Between such looks, each of which is a line in Janus's log."""


class Ear:
    """Of one leg. Its methods raise `PlatformError`."""

    def __init__(self, settings: JanusSettings, session: Session, handle: str, room: str) -> None:
        self._settings = settings
        self._session = session
        self._handle = handle
        self._room = room
        self._answer: wire.Jsep | None = None
        self._owes_answer = False
        """Janus waits for an answer to its last offer; until then a line stays silent."""
        self._looked_at = time.monotonic()
        self.handle_id: int | None = None
        self.lines: dict[str, str] = {}
        """Feed by mid; empty for a line without."""

    async def join(self, feeds: frozenset[str], port: LegPort) -> Note:
        """Subscribe to all who publish; what a later life must know. Raises what the port raises.

        Nothing is heard before `start`.
        """
        handle_id = self.handle_id = await self._session.attach(wire.VIDEOROOM, self._handle)
        try:
            data, offer = await self._subscribe(handle_id, sorted(feeds)[:MAX_LINES])
        except JanusRefusedError as error:
            raise _why_not(error) from None
        if offer is None:
            raise PlatformError("Janus offered no sound of this call; try again.")
        self._take(data, offer)
        answer = await port.answer(_beginning_dtls(offer.sdp))
        self._answer = wire.Jsep(type="answer", sdp=answer)
        return Note(call=self._room, ear=handle_id, answer=answer)

    async def start(self) -> None:
        """Let Janus send."""
        try:
            await self._ask({"request": "start"}, self._answer)
        except JanusRefusedError as error:
            if error.number != wire.UNEXPECTED_ANSWER:
                raise
            # It came in time before, and only its receipt did not.
        self._owes_answer = False

    async def take_up(self, note: Note, feeds: frozenset[str]) -> bool:
        """Listen on where a former life did; false when Janus has the handle no longer."""
        self.handle_id = note.ear
        self._answer = wire.Jsep(type="answer", sdp=note.answer)
        try:
            await self._switch({NO_LINE: min(feeds)})
        except JanusRefusedError as error:
            if error.number not in wire.GONE:
                raise
            return False
        return bool(self.lines)

    async def follow(self, here: frozenset[str]) -> None:
        """Put those who publish now on lines whose feed is gone."""
        if self._owes_answer:
            await self.start()
        try:
            await self._look(here)
            if moved := moves(self.lines, here):
                await self._switch(moved)
        except JanusRefusedError as error:
            if error.number != wire.VIDEOROOM_NO_SUCH_FEED:
                raise
            return  # it publishes, but not yet: the next look tries again
        if self._owes_answer:
            await self.start()

    async def _look(self, here: frozenset[str]) -> None:
        """See how the lines are: one is silent for good whose feed went and came back unseen."""
        if here and time.monotonic() - self._looked_at > LOOK_S:
            self._looked_at = time.monotonic()
            await self._switch({NO_LINE: min(here)})

    async def _ask(self, body: dict[str, Any], jsep: wire.Jsep | None) -> Reply:
        if self.handle_id is None:
            raise PlatformError("This leg does not listen yet.")
        return await self._session.message(self.handle_id, body, jsep)

    async def _switch(self, feeds: dict[str, str]) -> None:
        streams = [
            {"feed": feed, "mid": sound, "sub_mid": mid}
            for mid, feed in feeds.items()
            if (sound := await self._sound_of(feed)) is not None
        ]
        if streams:
            self._take(*await self._ask({"request": "switch", "streams": streams}, None))

    async def _subscribe(self, handle_id: int, feeds: list[str]) -> Reply:
        pin = self._settings.room_pin.get_secret_value()
        body: dict[str, Any] = {
            "request": "join",
            "ptype": "subscriber",
            "room": self._room,
            "streams": [{"feed": feed} for feed in feeds],
            # Else every feed that goes brings an offer without its line, and the next one has
            # another SSRC there, which a leg with several lines cannot tell from the others'.
            "autoupdate": False,
        }
        return await self._session.message(handle_id, body | ({"pin": pin} if pin else {}))

    async def _sound_of(self, feed: str) -> str | None:
        """The mid of the feed's sound, which Janus tells a subscriber only: a short-lived one.

        None for a feed without.
        """
        handle_id = await self._session.attach(wire.VIDEOROOM, self._handle)
        try:
            data, _ = await self._subscribe(handle_id, [feed])
        finally:
            await self._session.detach(handle_id)
        for stream in _audio_lines(data):
            if stream.get("feed_id") == feed and isinstance(mid := stream.get("feed_mid"), str):
                return mid
        return None

    def _take(self, data: dict[str, Any], offer: wire.Jsep | None) -> None:
        """Remember which feed is on which line, as far as Janus told, and whether it waits."""
        for stream in _audio_lines(data):
            mid, feed = stream.get("mid"), stream.get("feed_id")
            heard = isinstance(feed, str) and stream.get("active") is not False
            if not isinstance(mid, str) or not 0 < len(mid) <= MAX_MID:
                continue
            if len({*self.lines, mid}) <= MAX_LINES:
                self.lines[mid] = str(feed) if heard else ""
                self._owes_answer |= heard and stream.get("ready") is False
        self._owes_answer |= offer is not None


def _beginning_dtls(offer: str) -> str:
    """*offer* with Janus as the one to begin the handshake, which it has left open.

    Beginning it ourselves we may be too early: Janus drops what comes before its own ICE is done,
    and we would say it again a whole second later.
    """
    return offer.replace("a=setup:actpass", "a=setup:active")


def _audio_lines(data: dict[str, Any]) -> list[dict[str, Any]]:
    streams = data.get("streams")
    every = streams if isinstance(streams, list) else []
    return [item for item in every if isinstance(item, dict) and item.get("type") == "audio"]


def _why_not(error: JanusRefusedError) -> PlatformError:
    if error.number in (wire.VIDEOROOM_NO_SUCH_ROOM, wire.VIDEOROOM_NO_SUCH_FEED):
        return PlatformError("The call has just ended.", code=EndReason.CALL_ENDED)
    if error.number == wire.VIDEOROOM_UNAUTHORIZED:
        return PlatformError(
            "The call's room refuses the PIN; correct room_pin in the settings.",
            code=EndReason.NOT_PERMITTED,
        )
    return error
