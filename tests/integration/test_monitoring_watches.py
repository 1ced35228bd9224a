"""Who is told when a watched agent's or queue's call begins: real control link, real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from appliance.control_link.words import EndReason
from appliance.monitoring import alerts as alerts_module
from appliance.monitoring.alerts import MAX_AT_ONCE
from appliance.monitoring.desk import Alert
from appliance.monitoring.policy import Permission
from appliance.monitoring.watches import Kind, Watched
from appliance.platforms.protocol import Agent, Interaction
from tests.support.fake_driver import call
from tests.support.monitoring_world import Life, World, world
from tests.support.waiting import eventually

FIVE = Watched(Kind.AGENT, "agent-5", "Agent 5")
SALES = Watched(Kind.QUEUE, "Sales", "Sales")
AGENT_FIVE = (Agent("agent-5", "Agent 5"),)


def plain(number: int, **changes: object) -> Interaction:
    """A call that nobody watches."""
    elsewhere = {"agents": (Agent("agent-9", "Agent 9"),), "queue": "Nowhere"}
    return call(number, **{**elsewhere, **changes})


@dataclass
class Told:
    """Who was told of what."""

    w: World
    life: Life
    alerts: list[Alert] = field(default_factory=list)

    def of(self, name: str) -> list[str]:
        return [alert.interaction.id for alert in self.alerts if alert.account == name]

    async def only(self, name: str, *call_ids: str) -> None:
        """Exactly these, once everything before has been looked at."""
        await eventually(lambda: len(self.of(name)) >= len(call_ids))
        for _ in range(2):  # the second is of a later round
            mark = plain(0, id=f"mark-{len(self.w.driver.interactions)}", queue="Mark")
            self.w.driver.change(mark)
            await eventually(lambda mark=mark: mark.id in self.of("bob"))  # type: ignore[misc]
        assert [one for one in self.of(name) if not one.startswith("mark")] == list(call_ids)


@asynccontextmanager
async def watching(w: World, *watched: Watched) -> AsyncIterator[Told]:
    """*ann* watches these; *bob* the queue Mark, by which the test knows that all was looked at."""
    async with w.control() as life:
        for one in watched:
            await life.service.watches.add("ann", one)
        await life.service.watches.add("bob", Watched(Kind.QUEUE, "Mark", "Mark"))
        told = Told(w, life)
        life.service.listen(
            lambda notice: told.alerts.append(notice) if isinstance(notice, Alert) else None
        )
        yield told


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_module, "ROUND_S", 0.0)


async def test_a_call_that_begins_is_told_once_with_what_it_is_watched_for(tmp_path: Path) -> None:
    async with world(tmp_path) as w, watching(w, FIVE, SALES) as told:
        # call-3, call-6 and call-9 are in Sales and were there before: never told.
        w.driver.change(replace(call(3), state="on-hold"))
        w.driver.change(plain(20, agents=AGENT_FIVE, queue="Sales"))
        w.driver.change(plain(21))
        await told.only("ann", "call-20")
        assert told.alerts[0].because == (FIVE, SALES)
        w.driver.change(plain(20, agents=AGENT_FIVE, queue="Sales", state="on-hold"))
        w.driver.change(plain(20, queue="Sales"))
        w.driver.change(plain(20, agents=AGENT_FIVE, queue="Sales"))  # and back again
        await told.only("ann", "call-20")
        w.driver.change(plain(20, state="ended"))
        w.driver.change(plain(20, agents=AGENT_FIVE))  # another call by the same name
        await told.only("ann", "call-20", "call-20")


async def test_a_transfer_to_what_is_watched_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w, watching(w, FIVE, SALES) as told:
        old = call(1)
        assert old.queue != "Sales"
        w.driver.change(replace(old, agents=(*old.agents, *AGENT_FIVE)))
        await told.only("ann", "call-1")
        w.driver.change(replace(call(2), queue="Sales"))
        await told.only("ann", "call-1", "call-2")


async def test_what_was_there_at_the_start_or_before_an_outage_is_not_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with watching(w, FIVE) as told:
            w.driver.disconnect()
            w.driver.interactions["call-30"] = plain(30, agents=AGENT_FIVE)
            w.driver.interactions["call-1"] = replace(call(1), agents=AGENT_FIVE)
            del w.driver.interactions["call-2"]
            w.driver.connect()
            await told.only("ann", "call-1", "call-30")
            assert "call-5" in told.life.service.book.active  # of agent 5 all the time
        async with watching(w) as told:
            w.driver.disconnect()
            w.driver.connect()
            await told.only("ann")


async def test_a_call_is_told_when_it_can_be_monitored_and_not_before(tmp_path: Path) -> None:
    async with world(tmp_path) as w, watching(w, FIVE) as told:
        reason = EndReason.MONITORING_DISABLED
        off = plain(
            20, agents=AGENT_FIVE, state="ringing",
            monitorable=False, not_monitorable_reason=reason,
        )  # fmt: skip
        w.driver.change(off)
        w.driver.change(replace(off, id="call-21"))
        await told.only("ann")
        w.driver.change(replace(off, id="call-21", agents=()))  # left the agent unheard
        w.driver.change(plain(21))
        w.driver.change(plain(20, agents=AGENT_FIVE))
        await told.only("ann", "call-20")


async def test_one_s_own_call_and_the_one_that_is_heard_are_not_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        three = Watched(Kind.AGENT, "agent-3", "Agent 3")  # ann herself
        async with watching(w, three, SALES) as told:
            w.driver.change(plain(20, agents=(Agent("agent-3", "Ann"),), queue="Sales"))
            await told.life.service.monitor(w.ann, "call-1")
            w.driver.change(replace(call(1), queue="Sales"))
            w.driver.change(plain(22, queue="Sales"))  # busy does not count
            await told.only("ann", "call-22")


async def test_who_lost_the_right_or_the_account_is_not_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w, watching(w, SALES) as told:
        role = "UPDATE accounts SET permissions = ?, role = 'Custom' WHERE name = 'ann'"
        rights = f'["{Permission.VIEW_ALL_MONITORED_CALLS}"]'
        await told.life.store.write(lambda database: database.execute(role, (rights,)))
        w.driver.change(plain(20, queue="Sales"))
        await told.only("ann")
        await told.life.store.write(
            lambda database: database.execute("DELETE FROM accounts WHERE name = 'ann'")
        )
        w.driver.change(plain(21, queue="Sales"))
        await told.only("ann")
        assert not told.life.service.watches.watchers(SALES.key)


async def test_a_flood_is_cut_short(tmp_path: Path) -> None:
    async with world(tmp_path) as w, watching(w, SALES) as told:
        for number in range(100, 400):
            w.driver.interactions[f"call-{number}"] = plain(number, queue="Sales")
        w.driver.disconnect()
        w.driver.connect()
        await told.only("ann", *(f"call-{number}" for number in range(400 - MAX_AT_ONCE, 400)))


async def test_the_box_says_so_where_it_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts_module, "ANNOUNCE_S", 0.0)
    async with world(tmp_path) as w, w.control() as life:
        service = life.service

        async def heard(name: str) -> bool:
            """Commands keep their order: when the volume is set the leg has taken all before."""
            w.leg.ear.clear()
            service.announce(name)
            await asyncio.sleep(0)
            await service.set_volume(50)
            return w.leg.ear == ["watched"]

        assert await heard("ann")
        await service.monitor(w.ann, "call-1")
        assert await heard("ann")
        assert not await heard("bob"), "into somebody else's call"
        await service.set_microphone(w.ann, muted=False)
        assert not await heard("ann"), "while live"
        await service.set_microphone(w.ann, muted=True)
        assert await heard("ann")
        await service.hang_up(w.ann)
        monkeypatch.setattr(alerts_module, "ANNOUNCE_S", 60.0)
        assert not await heard("ann"), "so soon again"


async def test_ten_thousand_changing_calls_cost_next_to_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w, watching(w, FIVE, SALES) as told:
        calls = [plain(number) for number in range(1000, 11_000)]
        for one in calls:
            w.driver.change(one)
        alerts = told.life.service._alerts
        changed = [(one, replace(one, state="on-hold")) for one in calls]
        moved = [(one, replace(one, queue="Elsewhere")) for one in calls]
        for name, pairs in (("changed", changed), ("moved", moved)):
            began = time.process_time()
            for before, after in pairs:
                alerts.changed(before, after)
            each_us = (time.process_time() - began) / len(pairs) * 1e6
            print(f"{name}: {each_us:.2f} µs each")
            assert each_us < 50, name
        assert not alerts._calls
        began = time.process_time()
        alerts.replaced(told.life.service.book.active)
        print(f"snapshot of {len(calls)}: {(time.process_time() - began) * 1e3:.1f} ms")
        await told.only("ann")
