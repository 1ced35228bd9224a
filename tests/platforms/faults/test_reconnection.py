"""The whole box when the sound's way is broken: the same session goes on, muted, or ends cleanly.

What the parties hear and the platform holds is measured, whatever page and log say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from appliance.control_link.words import Button
from appliance.demo.box import Box
from tests.platforms.box import Listening, box_at, listening, tap
from tests.platforms.faults.network import another_address, no_media, no_network, ports_apart
from tests.platforms.faults.relay import Relay
from tests.platforms.faults.session import by_way
from tests.platforms.measured import (
    goes_on,
    nothing_is_left,
    supervisor_heard_by,
)
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

MICROPHONE = "/monitoring/microphone"
MOMENT_S = 1.0
"""What a gap lasts longer than it takes to show."""
GIVEN_UP_S = 3.0
"""Behind the loss of our connection: every platform that gives a silent leg up has done so."""
NOT_MISSED_S = 3.0
"""No platform has given the leg up by then."""
hasty = pytest.mark.parametrize(
    "far_box", [{"reconnect_limit_s": 6.0}], indirect=True, ids=["hasty"]
)
"""Where nothing comes back."""
BACK_S = 40.0
"""The longest that anything here may take; what it really takes, the bench shows."""


@pytest_asyncio.fixture(loop_scope="module")
async def box(site: Site, tmp_path: Path) -> AsyncIterator[Box]:
    """A box of its own for each test: an accident may not leave anything for the next one."""
    async with box_at(site, tmp_path) as box:
        yield box
    await nothing_is_left(site)


@pytest_asyncio.fixture(loop_scope="module")
async def far_box(
    site: Site, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Box, Relay]]:
    """A box with a relay between it and the platform's signalling; some are `hasty`."""
    monitoring = getattr(request, "param", {})
    async with (
        by_way(site) as (relay, settings),
        box_at(site, tmp_path, monitoring=monitoring, **settings) as box,
    ):
        yield box, relay
    await nothing_is_left(site)


@asynccontextmanager
async def apart(site: Site, box: Box) -> AsyncIterator[Listening]:
    """Somebody monitors a call; only that leg's media can be cut off."""
    call = await site.call(agent_id=site.agent_ids[0])
    with ports_apart():
        async with listening(site, box, call=call) as at:
            yield at


async def shown(at: Listening, *states: str) -> Any:
    """Wait until the page shows one of these."""
    view: Any = None
    until = time.monotonic() + BACK_S
    while time.monotonic() < until:
        view = await at.person.get("/monitoring")
        if view["state"] in states:
            return view
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {states}: {view}")


async def lost(at: Listening) -> Any:
    """Wait until the leg gave its connection up, and for so long that no platform keeps it."""
    async with asyncio.timeout(BACK_S):
        while (view := await at.person.get("/monitoring"))["media"] not in ("lost", "connecting"):
            assert view["state"] in ("live", "listening", "reconnecting"), view
            await asyncio.sleep(0.05)
    await asyncio.sleep(GIVEN_UP_S)
    return await shown(at, "reconnecting", "idle")


async def is_over(at: Listening) -> None:
    """Wait until the session ends, within its limit, and says why."""
    begun = time.monotonic()
    view = await shown(at, "idle")
    assert time.monotonic() - begun < BACK_S / 2
    assert view["last_end"]["reason"] == "media_lost"
    assert view["last_end"]["detail"].endswith(".")
    record = await at.on_record()
    assert record["end_reason"] == "media_lost"


async def audit(at: Listening) -> list[str]:
    """What was written down of this session, but for presses; the newest last."""
    rows = (await at.person.get("/audit"))["items"]
    mine = [row["action"] for row in rows if row["session_id"] == at.session_id]
    return [action for action in reversed(mine) if action != "press"]


async def is_back_muted(at: Listening) -> None:
    """The same session listens again; nobody hears the supervisor until they unmute."""
    view = await shown(at, "listening", "idle")
    assert view["state"] == "listening", view
    assert (view["session_id"], view["muted"]) == (at.session_id, True)
    assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS
    await at.hears()
    await at.person.put(MICROPHONE, {"muted": False, "audience": "everyone"})
    assert min(await supervisor_heard_by(at.call)) > HEARD_DBFS
    await at.person.put(MICROPHONE, {"muted": True})
    assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS


async def test_live_in_gaps_short_and_long_it_comes_back_muted(site: Site, box: Box) -> None:
    async with apart(site, box) as at:
        await at.person.put(MICROPHONE, {"muted": False, "audience": "everyone"})
        async with no_media():  # so short that the connection outlasts it
            assert (await shown(at, "reconnecting", "idle"))["muted"] is True
            await asyncio.sleep(MOMENT_S)
        await is_back_muted(at)
        held, before = len(await site.ours()), len(await audit(at))
        await at.person.put(MICROPHONE, {"muted": False, "audience": "everyone"})
        async with no_media():  # and so long that there must be a fresh leg
            await lost(at)
            await tap(box, Button.MICROPHONE)
            refused = await at.person.request("PUT", MICROPHONE, {"muted": False})
            assert refused.json()["code"] == "not_listening"
        await is_back_muted(at)
        written = (await audit(at))[before:]
        assert [action for action in written if action != "reconnect"] == [
            *("unmute", "mute", "unmute_refused", "reconnected"),
            *("unmute", "mute_asked", "mute"),
        ]
        assert "reconnect" in written
        async with asyncio.timeout(BACK_S):
            while len(await site.ours()) != held:  # of the former leg there is nothing left
                await asyncio.sleep(0.05)
        await at.call.customer.hang_up()


async def test_live_at_a_gap_in_all_of_the_network_it_comes_back_muted(
    site: Site, far_box: tuple[Box, Relay]
) -> None:
    box, relay = far_box
    async with apart(site, box) as at:
        await at.person.put(MICROPHONE, {"muted": False, "audience": "everyone"})
        async with no_network(relay):
            assert (await lost(at))["muted"] is True
        await is_back_muted(at)
        assert "reconnected" in await audit(at)
        await at.call.customer.hang_up()


async def test_a_call_that_ends_while_nothing_is_reached_is_not_media_lost(
    site: Site, far_box: tuple[Box, Relay]
) -> None:
    box, relay = far_box
    async with apart(site, box) as at:
        async with no_network(relay):
            await asyncio.sleep(NOT_MISSED_S)
            await at.call.agent.hang_up()
            await lost(at)
        view = await shown(at, "idle")
        # Some platforms cannot say later what they could not say at once.
        known = ("agent_ended",) if site.name == "sandbox" else ("agent_ended", "call_ended")
        assert view["last_end"]["reason"] in known


@pytest.mark.parametrize("site", ["sandbox", "cxengage"], indirect=True)
async def test_another_address_of_the_box_is_followed(site: Site, box: Box) -> None:
    async with apart(site, box) as at:
        async with another_address():
            assert (await shown(at, "reconnecting"))["muted"] is True
            await is_back_muted(at)
            await at.person.delete("/monitoring")
        await goes_on(site, at.call)
        await at.call.customer.hang_up()


@hasty
async def test_a_gap_for_good_ends_within_its_limit_and_leaves_nothing(
    site: Site, far_box: tuple[Box, Relay]
) -> None:
    async with apart(site, far_box[0]) as at:
        async with no_media():
            await is_over(at)
        await nothing_is_left(site)
        await at.call.customer.hang_up()


@hasty
async def test_what_a_gap_in_all_of_the_network_left_goes_when_it_is_over(
    site: Site, far_box: tuple[Box, Relay]
) -> None:
    box, relay = far_box
    async with apart(site, box) as at:
        await at.person.put(MICROPHONE, {"muted": False, "audience": "everyone"})
        async with no_network(relay):
            await is_over(at)
        await nothing_is_left(site)
        await goes_on(site, at.call)
        await at.call.customer.hang_up()


@pytest.mark.parametrize("side", ["agent", "customer"])
async def test_a_call_that_ends_in_the_gap_ends_with_its_own_reason(
    site: Site, box: Box, side: str
) -> None:
    async with apart(site, box) as at:
        async with no_media():
            await shown(at, "reconnecting")
            party = at.call.agent if side == "agent" else at.call.customer
            await party.hang_up()
            await asyncio.sleep(MOMENT_S)
        view = await shown(at, "idle")
        assert view["last_end"]["reason"] in (f"{side}_ended", "call_ended")


async def test_the_hang_up_button_wins_in_the_gap(site: Site, box: Box) -> None:
    async with apart(site, box) as at:
        async with no_media():
            await at.person.until("/monitoring", state="reconnecting", media="lost")
            pressed = time.monotonic()
            await tap(box, Button.HANG_UP)
            view = await shown(at, "idle")
            assert time.monotonic() - pressed < BACK_S / 4
            assert view["last_end"]["reason"] == "hung_up"
        await nothing_is_left(site)
        await goes_on(site, at.call)
        await at.call.customer.hang_up()
