"""What the box asks Janus outside of any leg, over a session of its own: rooms and people."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.janus import names, wire
from appliance.platforms.janus.link import JanusRefusedError, Link
from appliance.platforms.janus.note import Note
from appliance.platforms.janus.session import Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import PlatformError

OPAQUE_ID = "bargebox"
"""What the administrator sees; legs have their handle there."""


class Directory:
    """Belongs to one connection."""

    def __init__(self, settings: JanusSettings, session: Session) -> None:
        self.session = session
        self._settings = settings
        self._rooms = self._bridges = 0

    @classmethod
    async def open(cls, link: Link, settings: JanusSettings) -> Directory:
        """Sign in. Raises `PlatformError` that says which setting is wrong."""
        try:
            session = await Session.create(link)
        except JanusRefusedError as error:
            if error.number != wire.UNAUTHORIZED:
                raise
            raise PlatformError(
                "Janus does not let the box in; copy api_secret from its janus.jcfg into the "
                "settings, or a token that it knows.",
                code=EndReason.NOT_PERMITTED,
            ) from error
        return cls(settings, session)

    async def attach(self) -> None:
        """Reach the plugins. Raises `PlatformError` that says which one is missing."""
        try:
            self._rooms = await self.session.attach(wire.VIDEOROOM, OPAQUE_ID)
            if self._settings.speaking:
                self._bridges = await self.session.attach(wire.AUDIOBRIDGE, OPAQUE_ID)
        except JanusRefusedError as error:
            missing = "AudioBridge" if self._rooms else "VideoRoom"
            if error.number == wire.UNAUTHORIZED_PLUGIN:
                raise PlatformError(
                    f"The token in the settings may not use Janus's {missing} plugin; allow it.",
                    code=EndReason.NOT_PERMITTED,
                ) from error
            raise PlatformError(
                f"Janus runs without its {missing} plugin; enable it there.", code=EndReason.FAILED
            ) from error

    async def rooms(self) -> list[object]:
        """Every VideoRoom, unchecked. Raises `PlatformError`."""
        try:
            data, _ = await self.session.message(self._rooms, {"request": "list", **self._admin()})
        except JanusRefusedError as error:
            if error.number != wire.VIDEOROOM_UNAUTHORIZED:
                raise
            raise PlatformError(
                "Janus's VideoRoom plugin refuses the admin key; copy admin_key from its jcfg "
                "file into the settings.",
                code=EndReason.NOT_PERMITTED,
            ) from error
        rooms = _listed(data.get("list"))
        if any(isinstance(room, dict) and isinstance(room.get("room"), int) for room in rooms):
            raise PlatformError(
                "Janus's rooms have numbers for names; set string_ids in both plugins' jcfg files.",
                code=EndReason.FAILED,
            )
        return rooms

    async def publishers(self, room: str) -> frozenset[str] | None:
        """Who publishes there; None when there is no such room. Raises `PlatformError`."""
        try:
            data, _ = await self.session.message(
                self._rooms, {"request": "listparticipants", "room": room}
            )
        except JanusRefusedError as error:
            if error.number != wire.VIDEOROOM_NO_SUCH_ROOM:
                raise
            return None
        people = [item for item in _listed(data.get("participants")) if isinstance(item, dict)]
        feeds = (item.get("id") for item in people if item.get("publisher") is True)
        return frozenset(feed for feed in feeds if isinstance(feed, str) and 0 < len(feed) <= 128)

    async def make_own_room(self, handle: str, note: Note) -> None:
        """The room where the leg's voice is alone, with the note for a later life.

        Raises `PlatformError`.
        """
        secret = names.own_secret(handle)
        room = {
            "room": names.own_room(handle),
            "description": note.model_dump_json(),
            "secret": secret,
            "pin": secret,
            "is_private": True,
            "sampling_rate": 48_000,
            "default_prebuffering": 2,
        }
        try:
            await self._own({"request": "create", **room, **self._admin()})
        except JanusRefusedError as error:
            if error.number in (wire.AUDIOBRIDGE_ROOM_EXISTS, wire.VIDEOROOM_ROOM_EXISTS):
                return
            plugin = "AudioBridge" if self._settings.speaking else "VideoRoom"
            raise PlatformError(
                f"Janus's {plugin} plugin made no room for the supervisor's leg; check admin_key "
                f"and string_ids in its jcfg file. {error.detail}"
            ) from error

    async def drop_own_room(self, handle: str) -> None:
        """Succeeds when it is gone. Raises `PlatformError`."""
        room, secret = names.own_room(handle), names.own_secret(handle)
        await _unless_gone(self._own({"request": "destroy", "room": room, "secret": secret}))

    async def note_of(self, handle: str) -> Note | None:
        """What a former life left for us of this leg, if it did. Raises `PlatformError`."""
        data = await self._own({"request": "list", **self._admin()})
        for item in _listed(data.get("list")):
            if isinstance(item, dict) and item.get("room") == names.own_room(handle):
                return Note.read(item.get("description"))
        return None

    async def throw_out(self, handle: str, room: str, secret: str) -> None:
        """Take the leg's voice out of a bridge, where it is there. Raises `PlatformError`."""
        body = {"request": "kick", "room": room, "id": names.voice(handle)}
        await _unless_gone(self._bridge(body | ({"secret": secret} if secret else {})))

    async def is_in(self, handle: str, room: str) -> bool:
        """Whether the leg's voice is in that bridge. Raises `PlatformError`."""
        try:
            data = await self._bridge({"request": "listparticipants", "room": room})
        except JanusRefusedError as error:
            if error.number != wire.AUDIOBRIDGE_NO_SUCH_ROOM:
                raise
            return False
        people = _listed(data.get("participants"))
        return any(isinstance(p, dict) and p.get("id") == names.voice(handle) for p in people)

    async def _bridge(self, body: dict[str, Any]) -> dict[str, Any]:
        data, _ = await self.session.message(self._bridges, body)
        return data

    async def _own(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ask the plugin that has the legs' own rooms: without a voice, the one for listening."""
        plugin = self._bridges if self._settings.speaking else self._rooms
        data, _ = await self.session.message(plugin, body)
        return data

    def _admin(self) -> dict[str, str]:
        key = self._settings.admin_key.get_secret_value()
        return {"admin_key": key} if key else {}


async def _unless_gone(asking: Awaitable[object]) -> None:
    try:
        await asking
    except JanusRefusedError as error:
        if error.number not in _GONE:
            raise


_GONE = frozenset(
    {
        wire.VIDEOROOM_NO_SUCH_ROOM,
        wire.AUDIOBRIDGE_NO_SUCH_ROOM,
        wire.AUDIOBRIDGE_NO_SUCH_USER,
    }
)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
