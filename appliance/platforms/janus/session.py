"""One Janus session: what its handles belong to. A leg has its own, so that it ends as a whole."""

from __future__ import annotations

from typing import Any

from appliance.platforms.janus import wire
from appliance.platforms.janus.link import JanusRefusedError, Link
from appliance.platforms.protocol import PlatformError

Reply = tuple[dict[str, Any], wire.Jsep | None]


class Session:
    """A session by its id; `claim` takes it along to another connection."""

    def __init__(self, link: Link, session_id: int) -> None:
        self._link = link
        self.id = session_id

    @classmethod
    async def create(cls, link: Link, session_id: int | None = None) -> Session:
        """A new one; one of that id that is there already is a leftover, and goes.

        Raises `PlatformError`.
        """
        wanted = {} if session_id is None else {"id": session_id}
        try:
            reply = await link.request("create", **wanted)
        except JanusRefusedError as error:
            if session_id is None or error.number != wire.SESSION_CONFLICT:
                raise
            await cls(link, session_id).destroy()
            reply = await link.request("create", **wanted)
        return cls(link, _identity(reply))

    async def claim(self, link: Link) -> bool:
        """Own it over this connection; false when it is gone. Raises `PlatformError`."""
        self._link = link
        try:
            await link.request("claim", session_id=self.id)
        except JanusRefusedError as error:
            if error.number != wire.SESSION_NOT_FOUND:
                raise
            return False
        return True

    async def keep(self) -> None:
        """Tell Janus that we are still there. Raises `PlatformError`."""
        await self._link.request("keepalive", session_id=self.id)

    async def attach(self, plugin: str, opaque_id: str) -> int:
        """A handle; *opaque_id* is seen by Janus's administrator only. Raises `PlatformError`."""
        reply = await self._link.request(
            "attach", session_id=self.id, plugin=plugin, opaque_id=opaque_id
        )
        return _identity(reply)

    async def detach(self, handle_id: int) -> None:
        """Give a handle up; succeeds when it is gone. Raises `PlatformError`."""
        try:
            await self._link.request("detach", session_id=self.id, handle_id=handle_id)
        except JanusRefusedError as error:
            if error.number not in wire.GONE:
                raise

    async def message(
        self, handle_id: int, body: dict[str, Any], jsep: wire.Jsep | None = None
    ) -> Reply:
        """Ask the handle's plugin; its answer, and its session description if it came with one.

        Raises `PlatformError`.
        """
        described = {} if jsep is None else {"jsep": jsep.model_dump()}
        reply = await self._link.request(
            "message", session_id=self.id, handle_id=handle_id, body=body, **described
        )
        return (reply.plugindata.data if reply.plugindata else {}), reply.jsep

    async def destroy(self) -> None:
        """End it with all its handles; succeeds when it is gone. Raises `PlatformError`."""
        try:
            await self._link.request("destroy", session_id=self.id)
        except JanusRefusedError as error:
            if error.number != wire.SESSION_NOT_FOUND:
                raise


def _identity(reply: wire.Message) -> int:
    if reply.data is None:
        raise PlatformError("Janus made something without telling its id; look at its version.")
    return reply.data.id
