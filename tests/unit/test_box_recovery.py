"""A new administrator password at the box: who gets it, who does not, and what time ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.console import box_recovery, recovery_request
from appliance.console.box_recovery import BoxRecovery
from appliance.control_link.words import Action, Button
from appliance.monitoring.session_machine import State
from tests.support.accounts_world import AccountsWorld, accounts_world
from tests.support.console_memory import PASSWORD

ASKED = Action.PROVISIONING_ASKED


class Clock:
    """The monotonic clock, and how far the test has put it ahead."""

    def __init__(self, real: Any) -> None:
        self._real, self.ahead = real, 0.0

    def __call__(self) -> float:
        return float(self._real()) + self.ahead


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[AccountsWorld]:
    async with accounts_world(tmp_path) as box:
        recovery(box).start()
        yield box
        await recovery(box).stop()


@pytest.fixture
def clock(box: AccountsWorld) -> Clock:
    clock = Clock(recovery(box)._clock)
    recovery(box)._clock = clock
    return clock


def recovery(box: AccountsWorld) -> BoxRecovery:
    found: BoxRecovery = box.app.state.console.recovery
    return found


def press(box: AccountsWorld, clock: Clock, times: int = 1) -> None:
    for _ in range(times):
        box.world.monitoring.press(Button.MICROPHONE, age_s=-clock.ahead)


def hold_both(box: AccountsWorld, clock: Clock) -> None:
    box.world.monitoring.press(Button.HANG_UP, ASKED, age_s=-clock.ahead)


async def seen(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/v1/recovery")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def ask(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/api/v1/recovery")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def confirmed(box: AccountsWorld, clock: Clock, client: httpx.AsyncClient) -> dict[str, Any]:
    """Asked for, and pressed as the page says."""
    hold_both(box, clock)
    press(box, clock, (await ask(client))["presses"])
    assert (await seen(client))["state"] == "waiting"
    clock.ahead += recovery_request.QUIET_S + 0.1
    return await seen(client)


async def choose(client: httpx.AsyncClient, name: str = "admin") -> httpx.Response:
    return await client.post("/api/v1/recovery/password", json={"name": name})


async def test_nothing_is_offered_while_the_buttons_were_not_held(
    box: AccountsWorld, clock: Clock
) -> None:
    async with box.client() as client:
        press(box, clock, 4)
        assert (await seen(client))["state"] == "closed"
        assert (await client.post("/api/v1/recovery")).json()["code"] == "recovery_closed"
        assert (await choose(client)).status_code == 403
        assert (await client.get("/recover")).headers["location"] == "/sign-in"
        assert "/recover" not in (await client.get("/sign-in")).text


async def test_whoever_stands_at_the_box_gets_a_password(box: AccountsWorld, clock: Clock) -> None:
    admin = (await box.manager.get("admin")).account
    stolen = box.app.state.console.sessions.open(admin)
    for _ in range(30):  # the owner is braked too, at another address
        box.app.state.console.brake._bucket("admin").add(-1)
    async with box.client() as client:
        hold_both(box, clock)
        assert "/recover" in (await client.get("/sign-in")).text
        assert (await client.get("/recover")).status_code == 200
        found = await confirmed(box, clock, client)
        assert (found["state"], found["administrators"]) == ("confirmed", ["admin"])
        answer = await choose(client)
        assert answer.status_code == 200, answer.text
        password = answer.json()["password"]
        assert box.app.state.console.sessions.use(stolen) is None
        assert (await seen(client))["state"] == "closed"
        assert (await choose(client)).status_code == 403
        body = {"user": "admin", "password": PASSWORD}
        assert (await client.post("/api/v1/session", json=body)).status_code == 401
        body = {"user": "admin", "password": password}
        answer = await client.post("/api/v1/session", json=body)
        assert answer.status_code == 201
        assert answer.json()["must_change_password"]
    await asyncio.sleep(0)
    assert box.world.monitoring.recovery_shown[-1] is False
    (row,) = await box.records("account_recovered")
    assert (row.actor, json.loads(row.detail)) == ("panel", {"account": "admin"})
    assert password not in str(await box.audit.search(limit=200))
    assert len(await box.records("recovery_opened")) == 2
    assert json.loads((await box.records("recovery_asked"))[0].detail)["address"] == "10.0.0.9"
    assert json.loads((await box.records("recovery_closed"))[0].detail)["reason"] == "done"


async def test_a_locked_administrator_gets_in_again(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client:
        await box.store.write(lambda database: database.execute("UPDATE accounts SET locked = 1"))
        await confirmed(box, clock, client)
        password = (await choose(client, " ADMIN")).json()["password"]
        body = {"user": "admin", "password": password}
        assert (await client.post("/api/v1/session", json=body)).status_code == 201
        assert (await box.manager.get("sam")).locked


async def test_only_an_administrator_of_the_box_can_be_chosen(
    box: AccountsWorld, clock: Clock
) -> None:
    async with box.client() as client:
        await confirmed(box, clock, client)
        answer = await choose(client, "sam")
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["name"])
        assert (await choose(client)).status_code == 200


async def test_a_second_browser_closes_it_for_both(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client, box.client(address="10.0.0.66") as thief:
        hold_both(box, clock)
        number = (await ask(client))["presses"]
        answer = await thief.post("/api/v1/recovery")
        assert (answer.status_code, answer.json()["code"]) == (409, "recovery_twice")
        press(box, clock, number)
        clock.ahead += 3
        assert await seen(client) == {
            "state": "closed", "presses": 0, "seconds": 0, "why": "two", "administrators": [],
        }  # fmt: skip
        for one in (client, thief):
            assert (await choose(one)).status_code == 403
        assert "/recover" not in (await client.get("/sign-in")).text


async def test_others_learn_nothing(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client, box.client() as thief:
        await confirmed(box, clock, client)
        assert await seen(thief) == {
            "state": "open", "presses": 0, "seconds": 0, "why": None, "administrators": [],
        }  # fmt: skip
        thief.cookies.set("bargebox_recovery", "guessed")
        assert (await choose(thief)).status_code == 403
        assert (await choose(client)).status_code == 200


@pytest.mark.parametrize("more", [-1, 1])
async def test_another_number_of_presses_is_none(
    box: AccountsWorld, clock: Clock, more: int
) -> None:
    async with box.client() as client:
        hold_both(box, clock)
        press(box, clock, (await ask(client))["presses"] + more)
        clock.ahead += 3
        assert (await seen(client))["state"] == ("waiting" if more < 0 else "closed")
        assert (await choose(client)).status_code == 403
        if more > 0:
            assert (await seen(client))["why"] == "wrong"


async def test_presses_that_are_told_late_do_not_count(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client:
        box.world.monitoring.press(Button.HANG_UP, ASKED, age_s=10)
        assert (await seen(client))["state"] == "closed"
        hold_both(box, clock)
        for _ in range((await ask(client))["presses"]):
            box.world.monitoring.press(Button.MICROPHONE, age_s=10)
        clock.ahead += 3
        assert (await seen(client))["state"] == "waiting"


async def test_the_hang_up_button_ends_it(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client:
        hold_both(box, clock)
        await ask(client)
        box.world.monitoring.press(Button.HANG_UP, age_s=-clock.ahead)
        assert (await seen(client))["why"] == "cancelled"


async def test_a_call_ends_it_and_none_is_opened_in_one(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client, box.signed_in("sam") as sam:
        await confirmed(box, clock, client)
        assert (await sam.post("/api/v1/interactions/call-00001/monitor")).status_code == 201
        assert (await seen(client))["why"] == "call"
        assert (await choose(client)).status_code == 403
        assert box.world.monitoring.current().state is not State.IDLE
        hold_both(box, clock)
        assert (await seen(client))["state"] == "closed"


@pytest.mark.parametrize(
    ("step", "limit"),
    [("opened", box_recovery.OPEN_S), ("asked", recovery_request.CONFIRM_S),
     ("confirmed", recovery_request.CLAIM_S)],
)  # fmt: skip
async def test_each_step_has_its_time(
    box: AccountsWorld, clock: Clock, step: str, limit: float
) -> None:
    async with box.client() as client:
        hold_both(box, clock)
        if step == "asked":
            await ask(client)
        elif step == "confirmed":
            await confirmed(box, clock, client)
        clock.ahead += limit - 0.5
        assert (await seen(client))["state"] != "closed"
        clock.ahead += 1.0
        found = await seen(client)
        assert found["state"] == "closed"
        assert found["why"] == (None if step == "opened" else "time")
        await asyncio.sleep(0)
        assert box.world.monitoring.recovery_shown[-1] is False


async def test_the_lamps_go_out_in_time_though_nobody_asks(
    box: AccountsWorld, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box_recovery, "LOOK_S", 0.01)
    hold_both(box, clock)
    await asyncio.sleep(0)
    assert box.world.monitoring.recovery_shown == [True]
    clock.ahead += box_recovery.OPEN_S
    async with asyncio.timeout(5):
        while box.world.monitoring.recovery_shown[-1]:
            await asyncio.sleep(0.01)


async def test_what_cannot_be_put_on_record_is_not_done(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client:
        await confirmed(box, clock, client)
        await box.forbid_writing()
        answer = await choose(client)
        assert (answer.status_code, answer.json()["code"]) == (503, "audit_unwritable")
        await box.forbid_writing(False)
        assert (await choose(client)).status_code == 200


async def test_two_choices_at_once_make_one_password(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client:
        await confirmed(box, clock, client)
        answers = await asyncio.gather(choose(client), choose(client))
        assert sorted(answer.status_code for answer in answers) == [200, 403]


async def test_another_site_s_page_can_ask_for_nothing(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client:
        hold_both(box, clock)
        foreign = {"origin": "https://evil.example"}
        answer = await client.post("/api/v1/recovery", headers=foreign)
        assert answer.json()["code"] == "foreign_origin"
        await confirmed(box, clock, client)
        body = {"name": "admin"}
        answer = await client.post("/api/v1/recovery/password", json=body, headers=foreign)
        assert answer.json()["code"] == "foreign_origin"


async def test_presses_on_the_page_of_a_board_without_buttons_do_not_count(
    box: AccountsWorld, clock: Clock
) -> None:
    """Whoever may press them there is no administrator yet, and may be anywhere."""
    async with box.signed_in("sam") as sam, box.client() as client:
        for down in (True, False):
            body = {"button": "microphone", "down": down}
            answer = await sam.post("/api/v1/device/panel", json=body)
            assert answer.is_success, answer.text
        hold_both(box, clock)
        assert (await seen(client))["state"] == "closed"


async def test_it_ends_when_the_buttons_are_heard_no_more(box: AccountsWorld, clock: Clock) -> None:
    """A press would be missed, and the lamps of a new leg process tell nothing of it."""
    async with box.client() as client:
        await confirmed(box, clock, client)
        monitoring = box.world.monitoring
        monitoring.box = replace(monitoring.box, leg_connected=False)
        monitoring.tell(monitoring.box)
        assert (await seen(client))["why"] == "unheard"
        assert (await choose(client)).status_code == 403


async def test_the_last_press_may_come_in_the_last_second(box: AccountsWorld, clock: Clock) -> None:
    async with box.client() as client:
        hold_both(box, clock)
        number = (await ask(client))["presses"]
        clock.ahead += recovery_request.CONFIRM_S - 1
        press(box, clock, number)
        clock.ahead += 1.5
        assert (await seen(client))["state"] == "waiting"
        clock.ahead += 1
        assert (await seen(client))["state"] == "confirmed"
