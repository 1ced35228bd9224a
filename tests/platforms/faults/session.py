"""A session with a relay at the edge, and what must be true of it when a fault is over."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformConnection, PlatformError
from tests.platforms.desk import Desk, desk_at
from tests.platforms.faults.relay import Address, Relay, relayed
from tests.platforms.measured import CUSTOMER_HZ, nothing_is_left
from tests.platforms.site import HEARD_DBFS, Site, SiteCall
from tests.support.leg_end import LegEnd

REQUEST_S = 2.0
"""What a request may take here, so that a silence is noticed early."""
NOTICED_S = 20.0
"""The longest that a driver may take to say that the platform is silent."""
BACK_S = 30.0
FAIR = frozenset(
    {EndReason.PLATFORM_LOST, EndReason.MEDIA_LOST, EndReason.REMOVED, EndReason.CALL_ENDED}
)
"""Reasons for the end of a leg that did not outlast a fault."""
ADDRESS = re.compile(r"(http|ws)s?://[^/]+")


@dataclass
class Session:
    """A supervisor who listens to a call."""

    site: Site
    relay: Relay
    desk: Desk
    call: SiteCall
    handle: str
    leg: LegEnd

    def complaints(self) -> list[str]:
        """All that was told of the connection while it was not well."""
        return [told.detail for told in self.desk.of(PlatformConnection) if not told.connected]

    async def complaint(self, pattern: str = r".") -> str:
        """The first that says so; every one of them is a sentence."""

        def found() -> list[str]:
            return [words for words in self.complaints() if re.search(pattern, words)]

        try:
            await self.desk.until(lambda: bool(found()), NOTICED_S)
        except TimeoutError:
            raise AssertionError(f"nobody said {pattern!r}: {self.complaints()}") from None
        return found()[0]

    async def is_back(self) -> None:
        """By itself: connected, the leg there or ended with a reason, and a new call can be
        joined.
        """
        desk = self.desk
        await desk.until(desk.connected, BACK_S)
        assert all(words.endswith(".") for words in self.complaints()), self.complaints()
        if (reason := desk.end_of(self.handle)) is None:
            await self.leave()
        else:
            assert reason in FAIR
        again = await self.site.call(agent_id=self.site.agent_ids[1])
        handle, leg = await desk.join(again.id)
        await again.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        await desk.leave(handle)
        await again.customer.hang_up()

    async def leave(self) -> None:
        """As its owner does it, who tries again."""
        try:
            await self.desk.leave(self.handle)
        except PlatformError:
            await self.desk.until(self.desk.connected, BACK_S)
            await self.desk.leave(self.handle)

    async def is_heard_on(self) -> None:
        """The leg still hears the customer, whatever the signalling does."""
        await self.call.customer.tone(CUSTOMER_HZ)
        await self.desk.until(lambda: self.leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        assert self.desk.end_of(self.handle) is None


@asynccontextmanager
async def in_session(site: Site, secured: ssl.SSLContext | None = None) -> AsyncIterator[Session]:
    """Somebody listens by way of a relay; in the end the platform holds nothing of ours."""
    section = site.settings()
    async with relayed(_server(section), secured) as relay:
        settings = _by_way_of(relay.netloc, section, "s" if secured else "")
        async with desk_at(site, **settings, request_timeout=REQUEST_S) as desk:
            call = await site.call(agent_id=site.agent_ids[0])
            handle, leg = await desk.join(call.id)
            yield Session(site, relay, desk, call, handle, leg)
    await nothing_is_left(site)


def _server(section: Mapping[str, object]) -> Address:
    (found, *_) = (text for text in section.values() if isinstance(text, str) and "://" in text)
    parts = urlsplit(found)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _by_way_of(netloc: str, section: Mapping[str, object], s: str) -> dict[str, object]:
    """All addresses of a driver's section, with the relay in the server's place."""

    def by_way(value: object) -> object:
        if isinstance(value, list):
            return [by_way(one) for one in value]
        return ADDRESS.sub(rf"\1{s}://{netloc}", value) if isinstance(value, str) else value

    return {name: by_way(value) for name, value in section.items() if "://" in str(value)}
