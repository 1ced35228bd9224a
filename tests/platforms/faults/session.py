"""A session with a relay at the edge, and what must be true of it when a fault is over."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
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
PUT_DOWN = frozenset({EndReason.AGENT_ENDED, EndReason.CUSTOMER_ENDED})
"""And where the parties had to gather anew."""
ADDRESS = re.compile(r"(http|ws|tcp|tls)s?://([^/]+)")


@dataclass
class Session:
    """A supervisor who listens to a call."""

    site: Site
    relay: Relay
    desk: Desk
    call: SiteCall
    handle: str
    leg: LegEnd
    fair: frozenset[EndReason] = FAIR

    async def regroup(self) -> None:
        """The parties put down what became useless in the accident."""
        await self.site.regroup()
        self.fair |= PUT_DOWN

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
            assert reason in self.fair, reason
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
async def by_way(
    site: Site, secured: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Relay, dict[str, Any]]]:
    """A relay before the site's servers, and what differs in the driver's section for it."""
    section = site.settings()
    servers = dict.fromkeys(_servers(section))
    ami = frozenset(address for scheme, address in servers if scheme == "tcp")
    addresses = dict.fromkeys(address for _, address in servers)
    async with relayed(*addresses, ami=ami, secured=secured) as relay:
        yield relay, _by_way_of(relay, section, secured=secured is not None)


@asynccontextmanager
async def in_session(site: Site, secured: ssl.SSLContext | None = None) -> AsyncIterator[Session]:
    """Somebody listens by way of a relay; in the end the platform holds nothing of ours."""
    async with (
        by_way(site, secured) as (relay, settings),
        desk_at(site, **settings, request_timeout=REQUEST_S) as desk,
    ):
        call = await site.call(agent_id=site.agent_ids[0])
        handle, leg = await desk.join(call.id)
        yield Session(site, relay, desk, call, handle, leg)
    await nothing_is_left(site)


def _servers(told: object) -> Iterator[tuple[str, Address]]:
    """Scheme, and host with port, of all addresses in a driver's section."""
    if isinstance(told, dict):
        told = list(told.values())
    if isinstance(told, list):
        for one in told:
            yield from _servers(one)
    elif isinstance(told, str) and ADDRESS.match(told):
        parts = urlsplit(told)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.scheme, (parts.hostname, parts.port)


def _by_way_of(relay: Relay, section: dict[str, Any], *, secured: bool) -> dict[str, Any]:
    """What names a server in the section, with the relay's way to it in its place."""

    def way(found: re.Match[str]) -> str:
        host, _, port = found[2].partition(":")
        there = relay.ways[host, int(port)]
        scheme = found[1]
        if secured:
            scheme = "tls" if scheme == "tcp" else f"{scheme}s"
        return f"{scheme}://{there[0]}:{there[1]}"

    def by_way(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: by_way(one) for name, one in value.items() if "://" in str(one)}
        if isinstance(value, list):
            return [by_way(one) for one in value]
        return ADDRESS.sub(way, value) if isinstance(value, str) else value

    found: dict[str, Any] = by_way(section)
    return found
