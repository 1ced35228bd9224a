"""Every end reason is reached, told to the leg, the page and the record, and leaves nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.control_link.words import EndReason
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.query import Query
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import Agent, InteractionsSnapshot
from tests.support.monitoring_world import Life, World, world
from tests.support.waiting import eventually

Act = Callable[[World, Life], Awaitable[None]]


async def _hang_up_on_the_page(w: World, life: Life) -> None:
    await life.service.hang_up(w.ann)


async def _hang_up_at_the_panel(w: World, life: Life) -> None:
    w.leg.press_hang_up()


def _leg_ends(reason: EndReason) -> Act:
    async def act(w: World, life: Life) -> None:
        w.leg.end(reason)

    return act


def _platform_ends(reason: EndReason) -> Act:
    async def act(w: World, life: Life) -> None:
        w.driver.end_leg(w.handle, reason)

    return act


async def _call_vanishes_from_the_list(w: World, life: Life) -> None:
    w.driver.change(replace(w.driver.interactions["call-1"], state="ended"))


async def _call_is_missing_after_reconnecting(w: World, life: Life) -> None:
    w.driver.disconnect()
    del w.driver.interactions["call-1"]
    w.driver.connect()


async def _transfer_to_oneself(w: World, life: Life) -> None:
    me = (Agent("agent-3", "Ann"),)
    w.driver.change(replace(w.driver.interactions["call-1"], agents=me))


async def _platform_stays_away(w: World, life: Life) -> None:
    w.driver.disconnect()


async def _headset_stays_away(w: World, life: Life) -> None:
    w.leg.plug(False)


async def _leg_dies_and_is_back(w: World, life: Life) -> None:
    await w.leg.stop()
    w.leg.call, w.leg.leg_id = None, "leg-2"
    await w.leg.start()


async def _leg_dies_for_good(w: World, life: Life) -> None:
    await w.leg.stop()


async def _leg_hangs(w: World, life: Life) -> None:
    w.leg.silent = True


WAYS: dict[str, tuple[Act, EndReason]] = {
    "page": (_hang_up_on_the_page, EndReason.HUNG_UP),
    "panel": (_hang_up_at_the_panel, EndReason.HUNG_UP),
    "agent": (_platform_ends(EndReason.AGENT_ENDED), EndReason.AGENT_ENDED),
    "customer": (_platform_ends(EndReason.CUSTOMER_ENDED), EndReason.CUSTOMER_ENDED),
    "somebody": (_platform_ends(EndReason.CALL_ENDED), EndReason.CALL_ENDED),
    "list": (_call_vanishes_from_the_list, EndReason.CALL_ENDED),
    "missing": (_call_is_missing_after_reconnecting, EndReason.CALL_ENDED),
    "removed": (_platform_ends(EndReason.REMOVED), EndReason.REMOVED),
    "not permitted": (_platform_ends(EndReason.NOT_PERMITTED), EndReason.NOT_PERMITTED),
    "no object": (
        _platform_ends(EndReason.NO_MONITORING_OBJECT),
        EndReason.NO_MONITORING_OBJECT,
    ),
    "disabled": (_platform_ends(EndReason.MONITORING_DISABLED), EndReason.MONITORING_DISABLED),
    "transfer": (_transfer_to_oneself, EndReason.OWN_CALL),
    "platform away": (_platform_stays_away, EndReason.PLATFORM_LOST),
    "media": (_leg_ends(EndReason.MEDIA_LOST), EndReason.MEDIA_LOST),
    "headset": (_headset_stays_away, EndReason.HEADSET_LOST),
    "control": (_leg_ends(EndReason.CONTROL_LOST), EndReason.CONTROL_LOST),
    "leg died": (_leg_dies_and_is_back, EndReason.FAILED),
    "leg gone": (_leg_dies_for_good, EndReason.FAILED),
    "leg hangs": (_leg_hangs, EndReason.FAILED),
}


def test_the_table_reaches_every_reason() -> None:
    assert {reason for _, reason in WAYS.values()} == set(EndReason)


@pytest.mark.parametrize("live", [False, True], ids=["listening", "live"])
@pytest.mark.parametrize("way", WAYS)
async def test_end(tmp_path: Path, way: str, live: bool) -> None:
    act, reason = WAYS[way]
    quick = {"platform_lost_after_s": 0.3, "headset_lost_after_s": 0.3, "leg_lost_after_s": 1.2}
    async with world(tmp_path, **quick) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        if live:
            await life.service.set_microphone(w.ann, muted=False)
        await act(w, life)
        await eventually(lambda: life.state is State.IDLE)
        end = life.service.current().last_end
        assert end is not None
        assert end.reason is reason
        assert end.detail.endswith(".")
        w.driver.connect()
        await eventually(lambda: w.driver.legs == {})
        if way == "leg hangs":
            w.leg.silent = False
            w.leg.drop()
        await eventually(lambda: w.leg.call is None or way == "leg gone")
        if way not in {"leg died", "leg gone", "leg hangs"}:
            assert w.leg.ear[-1] == reason
        record = await life.recorded()
        assert record.end_reason is reason
        assert all(span.ended_at for span in record.barges)
        assert (await life.actions()).count("ended") == 1


async def test_the_first_reason_stays(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.end_leg(w.handle, EndReason.CUSTOMER_ENDED)
        w.leg.end(EndReason.MEDIA_LOST)
        w.driver.change(replace(w.driver.interactions["call-1"], state="ended"))
        await eventually(lambda: life.state is State.IDLE)
        end = life.service.current().last_end
        assert end is not None
        assert end.reason is EndReason.CUSTOMER_ENDED


async def test_who_ended_the_call_wins_over_its_vanishing_from_the_list(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.change(replace(w.driver.interactions["call-1"], state="ended"))
        w.driver.end_leg(w.handle, EndReason.AGENT_ENDED)
        await eventually(lambda: life.state is State.IDLE)
        end = life.service.current().last_end
        assert end is not None
        assert end.reason is EndReason.AGENT_ENDED


async def test_a_snapshot_with_the_call_in_it_ends_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        changed = replace(w.driver.interactions["call-1"], state="on-hold")
        w.driver.tell(InteractionsSnapshot((changed,)))
        assert life.state is State.LISTENING
        shown = life.service.current().interaction
        assert shown is not None
        assert shown.state == "on-hold"


async def test_a_leg_left_over_on_the_platform_is_left_when_it_can_be_reached_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.disconnect()
        await life.service.hang_up(w.ann)
        assert w.leg.call is None
        assert w.handle in w.driver.legs
        await eventually(lambda: life.state is State.IDLE)
        w.driver.connect()
        await eventually(lambda: w.driver.legs == {})
        await eventually(lambda: w.driver.left == [w.handle])


async def test_held_hang_up_goes_on_to_the_next_of_the_owners_list(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        life.service.book.query(w.ann, Query(queue="sales", sort="-started_at"))
        await life.service.monitor(w.ann, "call-6")
        w.leg.press_hang_up()
        w.leg.hold_hang_up()
        # The list is call-9, call-6, call-3, and ann handles call-3 herself.
        await eventually(lambda: _listens_to(life) == "call-9")
        assert life.service.current().owner == "ann"


def _listens_to(life: Life) -> str | None:
    view = life.service.current()
    return view.interaction.id if view.interaction and view.state is State.LISTENING else None


async def test_the_next_call_is_joined_silently_even_from_an_open_microphone(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        life.service.book.query(w.ann, Query(queue="sales", sort="-started_at"))
        await life.service.monitor_next(w.ann)  # from nowhere: the first
        assert _listens_to(life) == "call-9"
        await life.service.set_microphone(w.ann, muted=False)
        view = await life.service.monitor_next(w.ann)
        assert _listens_to(life) == "call-6"
        assert (view.muted, view.owner) == (True, "ann")
        await eventually(lambda: len(w.driver.legs) == 1)


async def test_where_there_is_no_next_call_the_present_one_is_not_left(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        life.service.book.query(w.ann, Query(search="call-6"))
        await life.service.monitor(w.ann, "call-6")
        with pytest.raises(RefusedError) as refused:
            await life.service.monitor_next(w.ann)
        assert refused.value.code == "no_next"
        assert _listens_to(life) == "call-6"
        with pytest.raises(RefusedError) as refused:
            await life.service.monitor_next(w.bob)
        assert refused.value.code == "busy"
        assert _listens_to(life) == "call-6"


async def test_a_call_is_not_left_for_one_that_the_platform_cannot_give_now(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-6")
        w.driver.disconnect()
        await eventually(lambda: not life.service.book.connection.connected)
        with pytest.raises(RefusedError) as refused:
            await life.service.monitor_next(w.ann)
        assert refused.value.code == "platform_lost"
        assert _listens_to(life) == "call-6"
