"""A leg's way through the dialplan: where it should spy now, and how it gets there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from appliance.control_link.words import Audience
from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.errors import RefusedError
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.spying_leg import EXTENSIONS, Leg
from appliance.platforms.protocol import PlatformError

SECONDS_PER_MOVE = 1.0
REFUSALS, SECONDS_AFTER_A_REFUSAL = 3, 0.1
"""A leg between two steps of the dialplan is not moved. No more than that, for as long somebody
may be heard who should not be.
"""


class Moves:
    """Of the legs on one server."""

    def __init__(
        self, settings: AsteriskSettings, listing: Listing, ami: Callable[[], Ami]
    ) -> None:
        self._settings, self._listing, self._ami = settings, listing, ami

    def wanted(self, leg: Leg) -> str:
        """The extension at which the leg should be now."""
        speaker, audience = self._speaker(leg.call), leg.audience
        coachable = speaker is not None and (
            not self._settings.agents or self._listing.is_agent(speaker)
        )
        if audience is Audience.AGENT and not coachable:
            audience = None  # neither a customer nor a stranger is ever coached
        return f"{EXTENSIONS[audience]}-{speaker or leg.call}"

    def _speaker(self, call: str) -> str | None:
        """The channel of the agent on a call, else of whoever speaks with the customer."""
        if self._listing.is_agent(call):
            return call
        beside = self._listing.beside(call)
        agents = [one for one in beside if self._listing.is_agent(one.id)]
        return next((one.id for one in agents or beside), None)

    async def settle(self, leg: Leg) -> None:
        """Spy as is wanted, also when that changes meanwhile. Raises `PlatformError`."""
        refusals = 0
        async with leg.lock:
            try:
                async with asyncio.timeout(self._settings.request_timeout):
                    while leg.ended is None and (wanted := self.wanted(leg)) != leg.spying:
                        try:
                            await self._move(leg, wanted)
                        except RefusedError:
                            refusals += 1
                            if refusals > REFUSALS:
                                raise
                            await asyncio.sleep(SECONDS_AFTER_A_REFUSAL)
            except TimeoutError as error:
                raise PlatformError(
                    "Asterisk's dialplan does not spy on the call; compare its context "
                    f"{self._settings.spy_context} with the box's manual."
                ) from error
        if leg.ended is not None:
            raise PlatformError("The call has ended.", code=leg.ended)

    async def _move(self, leg: Leg, wanted: str) -> None:
        """Returns when the leg spies there, when that is not wanted any more, or in vain."""
        assert leg.channel is not None
        await self._ami().ask(
            "Redirect",
            Channel=leg.channel.name,
            Context=self._settings.spy_context,
            Exten=wanted,
            Priority="1",
        )
        deadline = asyncio.get_running_loop().time() + SECONDS_PER_MOVE
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while leg.ended is None and leg.spying != wanted == self.wanted(leg):
                    leg.changed.clear()
                    await leg.changed.wait()
