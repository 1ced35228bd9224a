"""A spying leg on its way through a dialplan that is not always ready for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.errors import RefusedError
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.spying_leg import Leg
from appliance.platforms.asterisk.spying_moves import Moves
from appliance.platforms.protocol import PlatformError

SETTINGS = AsteriskSettings(request_timeout=0.5)


class Server:
    """Refuses the first Redirects, and then spies where it is told to."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.asked = refusals, 0
        ours = wire.Channel(id="1.9", name="PJSIP/box-9", creationtime=datetime.now(UTC))
        self.leg = Leg("handle", "1.1", ours)

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


async def test_a_server_that_never_moves_it_is_quoted() -> None:
    server = Server(refusals=1000)
    with pytest.raises(PlatformError, match=r"^Asterisk refused Redirect"):
        await server.settle()
    assert server.asked < 10
