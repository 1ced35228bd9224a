"""What a leg hears by, and by what it is heard: the *ear* that is in our bridge beside it.

Mostly that is a snoop on the customer's channel. It hears both sides, follows the customer
through hold and transfer, and whispers to whom the audience says; as a snoop's directions are
fixed, another audience is another ear. Whispering mixes into the packets that pass, so it is not
heard while the other side sends none. Where the settings say so, the ear of an audience of all is
a *voice* instead: a Local channel with its far half in the call's own bridge.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from appliance.control_link.words import Audience
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import Ari, path
from appliance.platforms.asterisk.errors import NotFoundError
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.making import CALL_VARIABLE, Maker
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import PlatformError
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

SECONDS_TO_BE_MADE = 1.0


@dataclass(slots=True)
class Leg:
    """One of ours."""

    handle: str
    anchor: str
    """The channel that is listened to."""
    ear: str
    audience: Audience | None = None
    whispers: str = "none"
    """Which way the ear whispers, as ARI has it; a voice does not."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while ears are changed."""
    moving: bool = False
    """A job is about to see whether the ear is still the right one."""


@dataclass(frozen=True, slots=True)
class Made:
    """An ear that is in no bridge of ours yet."""

    name: str
    whispers: str


class Ears:
    """Makes, changes and judges the ears of all legs."""

    def __init__(
        self,
        settings: AsteriskSettings,
        listing: Listing,
        ari: Callable[[], Ari],
        jobs: Jobs,
        on_half_done: Callable[[Leg], None],
    ) -> None:
        self.maker = Maker(settings, ari)
        self._settings, self._listing, self._ari = settings, listing, ari
        self._jobs, self._on_half_done = jobs, on_half_done

    async def _make(self, leg: Leg, audience: Audience | None) -> Made:
        """A new one. Raises `PlatformError`; nothing is left then."""
        ear, whispers, made = self._name(leg, audience), "none", False
        try:
            if wire.is_voice(ear):
                await self.maker.voice(ear, self._listing.name_of(leg.anchor))
            else:
                whispers = self._whisper(leg.anchor, audience)
                await self.maker.snoop(ear, leg.anchor, whispers)
            made = True
        finally:
            if not made:
                self._jobs.spawn(self._take_back(ear), "an ear that came to nothing")
        return Made(ear, whispers)

    async def change(self, leg: Leg, audience: Audience | None) -> None:
        """Replace the leg's ear, with its lock held. Raises `PlatformError`.

        The old one goes before the new one comes, so that its sound is never whispered back; to
        be heard by nobody, it goes before the new one is even asked for.
        """
        self._ari()  # away already: nothing is half done, the ear stays what it was
        if self._whisper(leg.anchor, audience) == "none":
            with self._whole(leg):
                await self._take_out(leg)
                await self._put(leg, await self._make(leg, audience), audience)
        else:
            ear = await self._make(leg, audience)
            with self._whole(leg):
                await self._take_out(leg)
                await self._put(leg, ear, audience)

    def is_right(self, leg: Leg) -> bool:
        """Whether a voice is where the customer is, there is one where there should be, and
        whoever is whispered to is still who should hear it.
        """
        if not wire.is_voice(leg.ear):
            wanted = self._whisper(leg.anchor, leg.audience)
            return leg.whispers == wanted and not self._through_bridge(leg.anchor, leg.audience)
        there = self._listing.bridge_of(wire.far_id(leg.ear))
        here = self._listing.bridge_of(leg.anchor)
        return there == here and self._listing.company(here) > 1

    async def heard_by(self, ear: str) -> str:
        """The channel that an ear of a former life listens to. Raises `PlatformError`."""
        if wire.is_voice(ear):
            where = path("channels", ear, "variable")
            answer = await self._ari().get(where, variable=CALL_VARIABLE)
            return self._listing.named(str(answer["value"]))
        channel = await self._ari().get(path("channels", ear))
        return str(channel["name"]).partition("/")[2].rpartition("-")[0]

    def _name(self, leg: Leg, audience: Audience | None) -> str:
        through_bridge = self._through_bridge(leg.anchor, audience)
        return wire.voice_id(leg.handle) if through_bridge else wire.snoop_id(leg.handle)

    def _through_bridge(self, anchor: str, audience: Audience | None) -> bool:
        """Only where two parties are in the call's bridge: one alone would not be let go."""
        wanted = self._settings.barge_by == "bridge" and audience is Audience.EVERYONE
        return wanted and self._listing.company(self._listing.bridge_of(anchor)) > 1

    def _whisper(self, anchor: str, audience: Audience | None) -> str:
        # Into the customer's channel is what the agent hears, out of it what the customer does.
        coach = "out" if self._listing.is_agent(anchor) else "in"
        if coach == "in" and not self._only_agents(anchor):
            coach = "none"
        return {None: "none", Audience.EVERYONE: "both", Audience.AGENT: coach}[audience]

    def _only_agents(self, anchor: str) -> bool:
        """Whether nobody but agents would hear what is whispered into the customer's channel."""
        beside = [one for one in self._listing.beside(anchor) if one.technology != "Local"]
        known = self._settings.agents  # where none are set, nobody can be told apart
        return not known or (bool(beside) and all(self._listing.is_agent(c.id) for c in beside))

    async def _take_out(self, leg: Leg) -> None:
        """The old one, which may be gone already."""
        with suppress(NotFoundError):
            await self._move(leg, "removeChannel", leg.ear)

    async def _put(self, leg: Leg, ear: Made, audience: Audience | None) -> None:
        old, leg.ear, leg.audience, leg.whispers = leg.ear, ear.name, audience, ear.whispers
        await self._move(leg, "addChannel", ear.name)
        await self._ari().delete(path("channels", old))

    async def _move(self, leg: Leg, how: str, channel: str) -> None:
        await self._ari().post(path("bridges", wire.bridge_id(leg.handle), how), channel=channel)

    async def _take_back(self, ear: str) -> None:
        """Twice, since the server may still be making what was given up."""
        try:
            for pause in (0, SECONDS_TO_BE_MADE):
                await asyncio.sleep(pause)
                await self._ari().delete(path("channels", ear))
        except PlatformError as error:
            log.warning("%s goes only with its session: %s", ear, error.detail)

    @contextmanager
    def _whole(self, leg: Leg) -> Iterator[None]:
        """Half done, nobody knows who hears whom: also when it is given up in the middle."""
        done = False
        try:
            yield
            done = True
        except NotFoundError:
            done = True  # the call is gone, and that is told by itself
            raise
        finally:
            if not done:
                self._on_half_done(leg)
