"""Secrets of Janus, and rooms that are no calls."""

from __future__ import annotations

import pytest

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformConnection
from tests.platforms.desk import Desk
from tests.platforms.janus.server import ADMIN_KEY, PIN
from tests.platforms.janus.site import JanusSite
from tests.platforms.measured import (
    nothing_is_left,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("settings", "named"), [({"admin_key": "wrong"}, "admin_key"), ({"room_pin": "x"}, "room_pin")]
)
async def test_each_wrong_secret_is_named(
    janus: JanusSite, settings: dict[str, object], named: str
) -> None:
    call = await janus.call()
    desk = Desk(janus.driver(**settings))
    await desk.driver.start(desk.events.append)
    await desk.until(lambda: bool(desk.of(PlatformConnection)))
    if named == "admin_key":
        assert named in desk.of(PlatformConnection)[0].detail
        assert named in (await desk.driver.check())[-1].detail
    else:
        await desk.lists(call.id)
        refusal = await desk.refused(call.id)
        assert refusal.code == EndReason.NOT_PERMITTED
        assert named in refusal.detail
        await nothing_is_left(janus)
    await desk.close()
    await call.customer.hang_up()


async def test_other_rooms_are_no_calls(janus: JanusSite, desk: Desk) -> None:
    control = janus.control
    for room, text in (("demo", "Demo Room"), ("odd", '{"started_at": 5}'), ("deep", "[" * 5000)):
        await control.ask(
            control.rooms, request="create", room=room, description=text, pin=PIN,
            admin_key=ADMIN_KEY, is_private=True,
        )  # fmt: skip
    call = await janus.call()
    await desk.lists(call.id)
    assert not {"demo", "odd", "deep"} & set(desk.interactions())
    assert (await desk.refused("demo")).code == EndReason.CALL_ENDED
    await call.customer.hang_up()
