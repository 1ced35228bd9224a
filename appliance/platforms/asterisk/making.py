"""Making the pieces of a session on the server; each method returns when its piece is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import Ari, path
from appliance.platforms.asterisk.errors import RefusedError
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import PlatformError

CALL_VARIABLE = "BARGEBOX_CALL"
"""Tells the dialplan at `AsteriskSettings.barge_extension` the name of a channel of the call."""


class NotMadeError(PlatformError):
    """A channel ended before it was up."""


class Maker:
    """Asks ARI, and hears of what arrives by `heard`."""

    def __init__(self, settings: AsteriskSettings, ari: Callable[[], Ari]) -> None:
        self._settings, self._ari = settings, ari
        self._arrivals: dict[str, asyncio.Future[None]] = {}

    async def bridge(self, handle: str) -> None:
        """Our own bridge; it carries our application's name, as nothing else says whose it is."""
        ari = self._ari()
        await ari.post(path("bridges", wire.bridge_id(handle)), type="mixing", name=ari.app)

    async def leg(self, handle: str, endpoint: str) -> None:
        """Have the server call our endpoint; returns when it answered."""
        name = wire.leg_id(handle)
        await self._arrival(
            [name],
            path("channels", name),
            endpoint=endpoint,
            app=self._ari().app,
            formats="opus",  # else it would offer another codec first
            callerId=f'"Bargebox" <{handle}>',
            timeout=str(round(self._settings.request_timeout * 2)),
        )

    async def snoop(self, name: str, anchor: str, whisper: str) -> None:
        """A snoop that hears both sides of the channel *anchor*."""
        where = path("channels", anchor, "snoop", name)
        app = self._ari().app
        await self._arrival([name], where, spy="both", whisper=whisper, app=app)

    async def voice(self, name: str, call: str) -> None:
        """A Local channel whose far half has joined the bridge of the channel named *call*.

        Raises `PlatformError` when the dialplan does not put it there.
        """
        far = wire.far_id(name)
        try:
            await self._arrival(
                [name, far],
                path("channels", name),
                {"variables": {CALL_VARIABLE: call}},
                endpoint=f"Local/{self._settings.barge_extension}/n",
                otherChannelId=far,
                formats="slin48",  # else it would be of 8 kHz, and fainter by half
                app=self._ari().app,
                timeout=str(round(self._settings.request_timeout * 2)),
            )
        except (RefusedError, NotMadeError) as error:
            raise PlatformError(
                f"Asterisk's dialplan does not join the call at {self._settings.barge_extension}; "
                "add that extension, or set barge_by to whisper."
            ) from error

    def heard(self, event: wire.Event) -> None:
        """Whatever happens to a channel."""
        channel = event.channel
        if channel is None or (arrival := self._arrivals.get(channel.id)) is None:
            return
        if arrival.done():
            return
        if event.type in ("StasisStart", "ChannelEnteredBridge"):
            arrival.set_result(None)
        elif event.type == "ChannelDestroyed":
            arrival.set_exception(
                NotMadeError("Asterisk did not reach the box's leg, or it was refused.")
            )

    def awaits(self, channel_id: str) -> bool:
        """Whether it is being made right now."""
        return channel_id in self._arrivals

    async def _arrival(
        self,
        names: Sequence[str],
        where: str,
        body: dict[str, Any] | None = None,
        **parameters: str,
    ) -> None:
        """Make a channel, and wait until all *names* are up and ours to move."""
        loop = asyncio.get_running_loop()
        arrivals = {name: loop.create_future() for name in names}
        self._arrivals |= arrivals
        try:
            async with asyncio.timeout(self._settings.request_timeout * 2):
                await self._ari().post(where, body, **parameters)
                await asyncio.gather(*arrivals.values())
        except TimeoutError as error:
            raise PlatformError("Asterisk did not connect the leg in time; try again.") from error
        finally:
            for name, arrival in arrivals.items():
                self._arrivals.pop(name, None)
                if arrival.done() and not arrival.cancelled():
                    arrival.exception()  # retrieved, also when the request failed first
