"""A session follows its owner's account: who may monitor no more hears no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.control_link.words import Audience, EndReason, Gate
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.policy import Account, Permission, RefusedError
from appliance.monitoring.roles import Roles
from appliance.monitoring.session_machine import State
from appliance.monitoring.store import StoreError
from appliance.platforms.protocol import Agent
from tests.support.monitoring_world import PASSWORD, Life, World, ended, world
from tests.support.waiting import eventually

Change = Callable[[AccountManager, Account], Awaitable[object]]


async def _manager(life: Life) -> tuple[AccountManager, Account]:
    """Who changes accounts, and an administrator to do it."""
    admin = await life.accounts.create("boss", "Administrator", PASSWORD)
    return AccountManager(life.store, life.service.audit, life.accounts), admin


def _move(w: World, agent: str) -> None:
    """Transfer the monitored call."""
    to = (Agent(agent, "Somebody"),)
    w.driver.change(replace(w.driver.interactions["call-1"], agents=to))


async def test_an_agent_id_given_meanwhile_counts_at_a_transfer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.watch.OWNER_S", 60.0)
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        manager, admin = await _manager(life)
        await manager.change(admin, "ann", agent_ids={"fake": ["agent-6"]})
        _move(w, "agent-5")
        _move(w, "agent-6")
        assert (await ended(life))[0] is EndReason.OWN_CALL
        await eventually(lambda: w.driver.legs == {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m, by: m.set_locked(by, "ann", True), EndReason.NOT_PERMITTED),
        (lambda m, by: m.delete(by, "ann"), EndReason.NOT_PERMITTED),
        (lambda m, by: m.change(by, "ann", role="Technician"), EndReason.NOT_PERMITTED),
        (
            lambda m, by: m.change(by, "ann", agent_ids={"fake": ["agent-1"]}),
            EndReason.OWN_CALL,
        ),
    ],
    ids=["locked", "deleted", "may no more", "agent of the call"],
)
async def test_a_change_of_the_account_ends_a_barge_soon(
    tmp_path: Path, change: Change, reason: EndReason
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        await change(*await _manager(life))
        await eventually(lambda: w.leg.call is None or w.leg.call.gate is Gate.CLOSED, 2.5)
        assert (await ended(life))[0] is reason
        assert w.leg.ear[-1] == reason


async def test_who_may_speak_no_more_is_muted_and_listens_on(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        manager, admin = await _manager(life)
        roles = Roles(life.store, life.service.audit)
        await roles.create(admin, "Ear", {Permission.MONITOR_ALL_CALLS})
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        await manager.change(admin, "ann", role="Ear")
        await eventually(lambda: w.leg.call is not None and w.leg.call.gate is Gate.CLOSED, 2.5)
        await eventually(lambda: set(w.driver.legs.values()) == {None}, 2.5)
        assert life.state is State.LISTENING
        assert await life.who_muted(1) == ["bargebox"]


async def _unmuting(w: World, life: Life, via: str) -> asyncio.Task[None]:
    """Ann un-mutes, and the platform takes its time to agree."""
    w.driver.slow["set_audience"] = 1.5

    async def unmute() -> None:
        if via == "button":
            w.leg.press_microphone()
        else:
            await life.service.set_microphone(w.ann, muted=False)

    unmuting = asyncio.create_task(unmute())
    await eventually(lambda: w.driver.asked != [])
    return unmuting


@pytest.mark.parametrize("via", ["page", "button"])
@pytest.mark.parametrize("noticed", ["by consent", "by the watch"])
async def test_a_right_taken_away_while_an_unmute_is_on_its_way_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, via: str, noticed: str
) -> None:
    late = "watch.OWNER_S" if noticed == "by consent" else "consent.FRESH_S"
    monkeypatch.setattr(f"appliance.monitoring.{late}", 60.0)
    async with world(tmp_path) as w, w.control() as life:
        manager, admin = await _manager(life)
        await Roles(life.store, life.service.audit).create(
            admin, "Ear", {Permission.MONITOR_ALL_CALLS}
        )
        await life.service.monitor(w.ann, "call-1")
        unmuting = await _unmuting(w, life, via)
        await manager.change(admin, "ann", role="Ear")
        await asyncio.wait({unmuting})
        if via == "page":
            answer = unmuting.exception()
            assert isinstance(answer, RefusedError)
            assert answer.code == "not_permitted"
        await eventually(lambda: w.leg.ear == ["refused"])
        w.driver.slow.clear()
        await eventually(lambda: w.driver.asked[-1][1] is None and w.agreed)
        assert "open_gate" not in w.leg.names()
        assert life.state is State.LISTENING


async def test_a_page_that_does_not_know_yet_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.watch.OWNER_S", 60.0)
    async with world(tmp_path) as w, w.control() as life:
        manager, admin = await _manager(life)
        await life.service.monitor(w.ann, "call-1")
        await manager.change(admin, "ann", role="Technician")
        with pytest.raises(RefusedError) as refused:
            await life.service.set_microphone(w.ann, muted=False)
        assert refused.value.code == "not_permitted"
        assert "open_gate" not in w.leg.names()
        await eventually(lambda: w.agreed)


async def test_a_right_to_coach_that_is_left_opens_for_the_agent(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        manager, admin = await _manager(life)
        left = {Permission.MONITOR_ALL_CALLS, Permission.COACH_ALL_CALLS}
        await Roles(life.store, life.service.audit).create(admin, "Coach", left)
        await life.service.monitor(w.ann, "call-1")
        w.driver.slow["set_audience"] = 1.5
        coaching = asyncio.create_task(life.service.set_microphone(w.ann, False, Audience.AGENT))
        await eventually(lambda: w.driver.asked != [])
        await manager.change(admin, "ann", role="Coach")
        assert (await coaching).audience is Audience.AGENT
        assert life.state is State.LIVE


async def _unreadable(name: str) -> Account | None:
    raise StoreError("The box's disk does not answer.")


async def test_a_disk_that_cannot_be_read_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("appliance.monitoring.watch.OWNER_S", 0.0)
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        manager, admin = await _manager(life)
        with monkeypatch.context() as patch:
            patch.setattr(life.accounts, "get", _unreadable)
            await eventually(lambda: "cannot be read" in caplog.text)
            await asyncio.sleep(0.6)
            assert life.state is State.LISTENING
        await manager.set_locked(admin, "ann", True)
        assert (await ended(life))[0] is EndReason.NOT_PERMITTED
    assert caplog.text.count("whether the owner may go on") == 1
