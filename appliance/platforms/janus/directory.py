"""What the box asks Janus outside of any leg, over a session of its own: rooms and people."""

from __future__ import annotations

from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.janus import names, wire
from appliance.platforms.janus.link import JanusRefusedError, Link
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
                "Janus does not let the box in; copy api_secret from its janus.jcfg "
                "into the settings.",
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
        return _listed(data.get("list"))

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
        return frozenset(feed for feed in feeds if isinstance(feed, str))

    async def make_waiting_room(self, handle: str, call: str) -> None:
        """The room where the leg's voice is alone. Its description, which only the administrator's
        key shows, tells a later life which call it was. Raises `PlatformError`.
        """
        secret = names.waiting_secret(handle)
        room = {
            "room": names.waiting_room(handle),
            "description": call,
            "secret": secret,
            "pin": secret,
            "is_private": True,
            "sampling_rate": 48_000,
            "default_prebuffering": 2,
        }
        try:
            await self._bridge({"request": "create", **room, **self._admin()})
        except JanusRefusedError as error:
            if error.number == wire.AUDIOBRIDGE_ROOM_EXISTS:
                return
            raise PlatformError(
                "Janus's AudioBridge plugin made no room for the supervisor's voice; check "
                f"admin_key and string_ids in its jcfg file. {error.detail}"
            ) from error

    async def drop_waiting_room(self, handle: str) -> None:
        """Succeeds when it is gone. Raises `PlatformError`."""
        if self._settings.speaking:
            room, secret = names.waiting_room(handle), names.waiting_secret(handle)
            await self._unless_gone({"request": "destroy", "room": room, "secret": secret})

    async def call_of(self, handle: str) -> str | None:
        """Which call a leg of a former life was in. Raises `PlatformError`."""
        data = await self._bridge({"request": "list", **self._admin()})
        for item in _listed(data.get("list")):
            if isinstance(item, dict) and item.get("room") == names.waiting_room(handle):
                call = item.get("description")
                return call if isinstance(call, str) else None
        return None

    async def throw_out(self, handle: str, room: str, secret: str) -> None:
        """Take the leg's voice out of a bridge, where it is there. Raises `PlatformError`."""
        body = {"request": "kick", "room": room, "id": names.voice(handle)}
        await self._unless_gone(body | ({"secret": secret} if secret else {}))

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

    async def _unless_gone(self, body: dict[str, Any]) -> None:
        gone = (wire.AUDIOBRIDGE_NO_SUCH_ROOM, wire.AUDIOBRIDGE_NO_SUCH_USER)
        try:
            await self._bridge(body)
        except JanusRefusedError as error:
            if error.number not in gone:
                raise

    def _admin(self) -> dict[str, str]:
        key = self._settings.admin_key.get_secret_value()
        return {"admin_key": key} if key else {}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
