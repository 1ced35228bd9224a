"""A spying leg on its way through a dialplan that is not always ready for it, or never."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest
from pydantic import SecretStr

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.errors import RefusedError
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.spying import SpyingLegs
from appliance.platforms.asterisk.spying_leg import Leg
from appliance.platforms.asterisk.spying_moves import REFUSALS, Moves
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent

SETTINGS = AsteriskSettings(request_timeout=5.0)


def channel() -> wire.Channel:
    """Ours."""
    return wire.Channel(id="1.9", name="PJSIP/box-9", creationtime=datetime.now(UTC))


class Server:
    """Refuses the first Redirects, and then spies where it is told to."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.asked = refusals, 0
        self.leg = Leg("handle", "1.1", channel())

    async def ask(self, name: str, **fields: str) -> None:
        self.asked += 1
        if self.asked <= self.refusals:
            raise RefusedError(f"Asterisk refused {name}; try again.")
        self.leg.spying = fields["Exten"]
        self.leg.changed.set()

    async def settle(self) -> None:
        moves = Moves(SETTINGS, Listing(SETTINGS), lambda: cast(Ami, self))
        await moves.settle(self.leg)


async def test_a_leg_between_two_steps_is_moved_a_moment_later() -> None:
    server = Server(refusals=2)
    await server.settle()
    assert server.leg.spying == "hear-1.1"
    assert server.asked == 3


async def test_a_server_that_never_moves_it_is_quoted_at_once() -> None:
    server = Server(refusals=1000)
    begun = asyncio.get_running_loop().time()
    with pytest.raises(PlatformError, match=r"^Asterisk refused Redirect"):
        await server.settle()
    assert server.asked == REFUSALS + 1
    assert asyncio.get_running_loop().time() - begun < SETTINGS.request_timeout


async def test_a_wish_that_was_given_up_lets_nobody_in_later() -> None:
    server = Server(refusals=1000)
    ended: list[EndReason] = []
    agent = UserAgent(Account("ws://127.0.0.1:9", "box", "box", SecretStr("")), lambda _call: None)
    legs = SpyingLegs(
        SETTINGS,
        Listing(SETTINGS),
        lambda: cast(Ami, server),
        agent,
        lambda _handle, reason: ended.append(reason),
    )
    server.leg.spying, server.leg.joined = "hear-1.1", True
    vars(legs)["_legs"]["handle"] = server.leg
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.15):
            await legs.set_audience("handle", Audience.EVERYONE)
    assert server.leg.audience is None
    server.refusals = 0
    vars(legs)["_channels"].replace_all([channel()])
    legs.heard(wire.Event(type="BridgeCreated"))  # at any event it looks where it should be
    await asyncio.sleep(0.1)
    assert server.leg.spying == "hear-1.1"
    assert not ended
