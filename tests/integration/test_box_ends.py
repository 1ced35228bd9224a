"""Every way in which a session of the whole box ends or does not come to be.

The parties' hang-ups, the handset and lost processes are told in ``test_box_accidents.py``.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from appliance.demo.world import Options, World
from tests.support.box_people import BAR, BOBS_OWN, IMPATIENT, MICROPHONE, PEOPLE, audit, legs
from tests.support.demo_world import Monitored, Person, demo_world, monitored, open_centre

Way = Callable[[World, Monitored], Awaitable[None]]


async def _removed(world: World, call: Monitored) -> None:
    await call.admin.do("remove_supervisor", handle=call.handle)


async def _own_call(world: World, call: Monitored) -> None:
    await call.admin.do("transfer", call=call.interaction, to=BOBS_OWN, seconds=0.1)


def _into_flow(flow: str) -> Way:
    async def act(world: World, call: Monitored) -> None:
        await call.admin.do(
            "transfer", call=call.interaction, to="agent-grace", flow=flow, seconds=0.1
        )

    return act


async def _media_lost(world: World, call: Monitored) -> None:
    await call.admin.do("drop_media", handle=call.handle)


async def _headset_lost(world: World, call: Monitored) -> None:
    await asyncio.to_thread(world.card.unplug)


async def _platform_lost(world: World, call: Monitored) -> None:
    assert world.centre.pid is not None
    os.kill(world.centre.pid, signal.SIGSTOP)  # it is there and says nothing


LAST_LEG: dict[str, dict[str, float]] = {
    "leg": {"media_timeout_s": 2.0},
    "monitoring": {"reconnect_limit_s": 0},
}

WAYS: dict[str, tuple[Way, dict[str, dict[str, float]]]] = {
    "removed": (_removed, IMPATIENT),
    "own_call": (_own_call, IMPATIENT),
    "no_monitoring_object": (_into_flow("Emergency line"), IMPATIENT),
    "monitoring_disabled": (_into_flow("Works council"), IMPATIENT),
    "media_lost": (_media_lost, LAST_LEG),
    "headset_lost": (_headset_lost, IMPATIENT),
    "platform_lost": (_platform_lost, IMPATIENT),
}


@pytest.mark.parametrize("reason", WAYS)
async def test_a_live_session_ends_and_says_why(tmp_path: Path, reason: str) -> None:
    act, settings = WAYS[reason]
    options = Options(people=PEOPLE, settings=settings)
    async with (
        demo_world(tmp_path, options) as world,
        Person(world, "ann") as ann,
        Person(world, "bob") as bob,
        monitored(world, bob) as call,
    ):
        await bob.put(MICROPHONE, BAR)
        await act(world, call)
        async with asyncio.timeout(20):
            while (view := await bob.get("/monitoring"))["state"] != "idle":
                await asyncio.sleep(0.05)
        assert view["last_end"]["reason"] == reason
        if reason == "platform_lost":
            assert world.centre.pid is not None
            os.kill(world.centre.pid, signal.SIGCONT)
        async with asyncio.timeout(20):  # nothing is left there, and the call goes on
            while await legs(call):
                await asyncio.sleep(0.05)
        assert (await call.admin.measure(call.interaction, "agent")) <= 0
        record = (await bob.get("/history"))["items"][0]
        assert (record["end_reason"], record["supervisor"]) == (reason, "bob")
        assert all(barge["ended_at"] for barge in record["barges"])
        assert [detail for _, what, detail in await audit(ann) if what == "ended"] == [
            {"reason": reason}
        ]


@pytest.mark.parametrize(
    ("operation", "status", "reason"),
    [
        ({"op": "bar", "supervisor": "bob"}, 403, "not_permitted"),
        ({"op": "refuse_next_offer"}, 409, "failed"),
    ],
)
async def test_a_refused_join_says_why_and_leaves_nothing(
    tmp_path: Path, operation: dict[str, str], status: int, reason: str
) -> None:
    async with (
        demo_world(tmp_path, Options(people=PEOPLE)) as world,
        Person(world, "bob") as bob,
        open_centre(world) as admin,
    ):
        interaction = await admin.create_call()
        await bob.listed(interaction)
        await admin.do(**operation)
        refused = await bob.request("POST", f"/interactions/{interaction}/monitor")
        assert refused.status_code == status
        end = (await bob.until("/monitoring", state="idle"))["last_end"]
        assert end["reason"] == reason
        assert end["detail"] == refused.json()["detail"]
        assert (await admin.do("legs"))["legs"] == []
