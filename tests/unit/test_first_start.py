"""The first start: its steps are what the box finds, kept, on record, and taken up again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.control_link.states import HeadsetState
from appliance.control_link.words import Button, Lamp
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Audit, AuditUnwritableError
from appliance.monitoring.check_view import CheckView
from appliance.monitoring.session import DeviceView
from appliance.monitoring.store import Store
from appliance.platforms.protocol import Check, PlatformConnection
from appliance.provisioning.box.clock import ClockView
from appliance.provisioning.box.names import NamesView
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.first_start import evidence
from appliance.provisioning.first_start.evidence import (
    Answers,
    Evidence,
    NotVerifiedError,
    Witnesses,
)
from appliance.provisioning.first_start.first_start import FirstStart, FirstStartError
from appliance.provisioning.first_start.guide import Guide
from appliance.provisioning.first_start.steps import State, Step
from appliance.provisioning.network.views import DeviceView as Cable
from appliance.provisioning.network.views import NetworkView, Pending
from appliance.provisioning.system import System
from tests.support.console_world import make_world
from tests.support.disk import pragma

GOOD = Answers(heard=True, seen=True)
HEADSET = HeadsetState(present=True, playing=True, name="Jabra")
TRIED = CheckView(toned=True, loudest=-23.4, pressed=frozenset(Button), lit=frozenset(Lamp))
GOOD_STEP = Check("address", passed=True, detail="It answers.")
BAD_STEP = Check("sign_in", passed=False, detail="Wrong password.")
AWAY = PlatformConnection(connected=False)
ETH0 = Cable(
    name="eth0", kind="wired", state="connected", mac="", speed_mbps=1000,
    addresses=["10.0.0.7/24"], gateways=["10.0.0.1"], dns=[], search=[], profile="",
)  # fmt: skip


@dataclass
class Told:
    """Says what the test says."""

    now: object

    async def view(self) -> object:
        return self.now


@dataclass
class Site:
    """What the witnesses tell; all of it is well."""

    names: Told = field(default_factory=lambda: Told(NamesView(managed=True, name="desk-7")))
    network: Told = field(default_factory=lambda: Told(NetworkView(managed=True, devices=[ETH0])))
    clock: Told = field(
        default_factory=lambda: Told(
            ClockView(
                managed=True,
                time_zone="Europe/Berlin",
                ntp=True,
                synchronized=True,
                server="a.example",
            )
        )
    )
    checks: list[Check] = field(default_factory=lambda: [GOOD_STEP])
    connection: PlatformConnection = field(
        default_factory=lambda: PlatformConnection(connected=True)
    )
    device: DeviceView = field(default_factory=lambda: DeviceView(headset=HEADSET))
    tried: CheckView = TRIED
    secure: bool = True

    async def test(self) -> list[Check]:
        return self.checks


@dataclass
class Start:
    """A box at its first start."""

    site: Site
    store: Store
    audit: Audit
    accounts: Accounts
    certificates: CertificateKeeper
    first_start: FirstStart

    def guide(self) -> Guide:
        site = self.site
        system = cast(System, site)  # its three parts, as far as they are asked
        return Guide(
            self.first_start,
            Evidence(
                Witnesses(
                    system=system,
                    certificates=self.certificates,
                    secure=site.secure,
                    platform=lambda: "Sandbox",
                    test_platform=site.test,
                    connection=lambda: site.connection,
                    device=lambda: site.device,
                    checked=lambda: site.tried,
                    accounts=self.accounts,
                )
            ),
        )

    async def told(self, step: Step, answers: Answers = GOOD) -> str:
        """What the box finds of a step, or why it is not done."""
        try:
            return (await self.guide().verify(step, answers, "admin")).of(step).words
        except NotVerifiedError as error:
            return error.detail

    async def rows(self, action: str) -> list[dict[str, Any]]:
        """What is on record, oldest first."""
        found = (await self.audit.search(limit=100)).rows
        return [json.loads(row.detail) for row in reversed(found) if row.action == action]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    store = await Store.open(tmp_path / "box.sqlite3")
    accounts, audit = Accounts(store), Audit(store)
    await accounts.first_start()
    world = make_world(0)
    await world.certificates.begin()
    first_start = FirstStart(store, audit)
    await first_start.begin()
    yield Start(Site(), store, audit, accounts, world.certificates, first_start)
    await accounts.close()
    await store.close()


def _lock(database: sqlite3.Connection) -> None:
    database.execute("UPDATE accounts SET locked = 1 WHERE name = 'anna'")


def _change(database: sqlite3.Connection) -> None:
    database.execute("UPDATE accounts SET must_change = 0 WHERE name = 'admin'")


async def password_changed(start: Start) -> None:
    await start.accounts.create("anna", "Supervisor", "a good password", must_change=False)
    await start.store.write(_change)


async def test_every_step_is_done_by_what_is_found_and_then_the_box_is_in_service(
    start: Start,
) -> None:
    await password_changed(start)
    until = f"{start.certificates.now.facts.valid_until:%Y-%m-%d}"
    wanted = {
        Step.PASSWORD: "The one-time password was changed.",
        Step.NAME: "The box is called desk-7; its time zone is Europe/Berlin.",
        Step.NETWORK: "eth0 is connected with 10.0.0.7/24; the gateway is 10.0.0.1.",
        Step.TIME: "The clock is synchronised with a.example.",
        Step.CERTIFICATE: f"The box serves the page with a certificate of its own until {until}.",
        Step.PLATFORM: "Sandbox can be used: all steps of the test passed (1).",
        Step.HEADSET: "Jabra: the tone was heard, and the voice came with −23 dB.",
        Step.PANEL: "Both buttons were pressed, and both lamps were seen.",
        Step.SUPERVISOR: "anna may monitor calls.",
    }
    assert list(wanted) == list(Step)
    for step, words in wanted.items():
        now = start.first_start.now
        assert now.next is step
        assert await start.told(step) == words
        standing = start.first_start.now.of(step)
        assert (standing.state, standing.who) == (State.DONE, "admin")
        assert standing.at is not None
        assert abs((datetime.now(UTC) - standing.at).total_seconds()) < 60
    assert start.first_start.now.next is None
    assert start.first_start.now.unfinished
    done = await start.guide().finish("admin")
    assert not done.unfinished
    assert done.in_service is not None
    assert [row["step"] for row in await start.rows("first_start_step")] == [*Step]
    assert len(await start.rows("in_service")) == 1
    assert (await start.guide().finish("admin")).in_service == done.in_service


CASES: dict[str, tuple[Step, dict[str, object], str]] = {
    "name": (Step.NAME, {"names": Told(NamesView(managed=False, detail="No bus."))}, "No bus."),
    "zone": (Step.NAME, {"clock": Told(ClockView(managed=False, detail="No bus."))}, "No bus."),
    "no manager": (
        Step.NETWORK, {"network": Told(NetworkView(managed=False, detail="None."))}, "None."),
    "no cable": (Step.NETWORK, {"network": Told(NetworkView(managed=True))}, "No network is"),
    "no gateway": (
        Step.NETWORK,
        {"network": Told(NetworkView(
            managed=True, devices=[ETH0.model_copy(update={"gateways": []})]))},
        "eth0 has an address but no gateway"),
    "pending": (
        Step.NETWORK,
        {"network": Told(NetworkView(
            managed=True, devices=[ETH0], pending=Pending(seconds_left=9, addresses=[])))},
        "waits to be kept"),
    "not synchronised": (
        Step.TIME, {"clock": Told(ClockView(managed=True, ntp=True))}, "not synchronised"),
    "no clock": (Step.TIME, {"clock": Told(ClockView(managed=False, detail="No."))}, "No."),
    "plain": (Step.CERTIFICATE, {"secure": False}, "without encryption"),
    "test": (
        Step.PLATFORM,
        {"checks": [GOOD_STEP, BAD_STEP]},
        "failed. Wrong password."),
    "no list": (Step.PLATFORM, {"connection": AWAY}, "does not list"),
    "no headset": (Step.HEADSET, {"device": DeviceView()}, "No headset plays"),
    "no tone": (Step.HEADSET, {"tried": replace(TRIED, toned=False)}, "Play the tone"),
    "no voice": (Step.HEADSET, {"tried": replace(TRIED, loudest=-60.0)}, "No voice came"),
    "one button": (
        Step.PANEL, {"tried": replace(TRIED, pressed=frozenset({Button.HANG_UP}))}, "both buttons"),
    "one lamp": (
        Step.PANEL, {"tried": replace(TRIED, lit=frozenset({Lamp.STATUS}))}, "both lamps"),
    "nobody": (Step.SUPERVISOR, {}, "Nobody but the first account"),
    "one-time password": (Step.PASSWORD, {}, "still has its one-time password"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_what_is_not_so_is_told_and_the_step_stays_open(
    start: Start, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(evidence, "LOOK_S", 0.0)
    step, changes, words = CASES[case]
    start.site = replace(start.site, **changes)  # type: ignore[arg-type]
    assert words in await start.told(step)
    assert (await start.first_start.load()).of(step).state is State.OPEN
    assert await start.rows("first_start_step") == []


@pytest.mark.parametrize(
    ("step", "answers", "words"),
    [
        (Step.HEADSET, Answers(seen=True), "The tone was not heard"),
        (Step.HEADSET, Answers(heard=True), "The meter did not follow"),
        (Step.PANEL, Answers(heard=True), "A lamp was not seen"),
    ],
)
async def test_what_only_a_person_can_tell_is_needed_too(
    start: Start, step: Step, answers: Answers, words: str
) -> None:
    assert words in await start.told(step, answers)


async def test_time_by_hand_is_a_choice_and_a_locked_supervisor_is_none(start: Start) -> None:
    start.site.clock = Told(ClockView(managed=True, ntp=False))
    assert await start.told(Step.TIME) == "The clock is set by hand, not from the network."
    await start.accounts.create("anna", "Supervisor", "a good password")
    await start.store.write(_lock)
    assert "Nobody but" in await start.told(Step.SUPERVISOR)


async def test_a_step_is_set_aside_but_for_the_password_and_the_end_names_it(start: Start) -> None:
    with pytest.raises(FirstStartError) as refused:
        await start.first_start.set_aside(Step.PASSWORD, "admin")
    assert refused.value.code == "step_needed"
    with pytest.raises(FirstStartError, match="open still"):
        await start.first_start.finish("admin")
    await password_changed(start)
    assert (await start.guide().look("admin")).of(Step.PASSWORD).state is State.DONE
    for step in list(Step)[1:]:
        now = await start.first_start.set_aside(step, "admin")
    assert now.next is None
    await start.first_start.finish("admin")
    (row,) = await start.rows("in_service")
    assert row["set_aside"] == [step.value for step in Step][1:]
    with pytest.raises(FirstStartError) as refused:
        await start.first_start.verified(Step.TIME, "Late.", "admin")
    assert refused.value.code == "no_first_start"


async def test_another_life_takes_it_up_where_it_was_left(start: Start) -> None:
    await password_changed(start)
    await start.guide().look("admin")
    await start.told(Step.NAME)
    await start.first_start.set_aside(Step.NETWORK, "admin")
    later = FirstStart(start.store, start.audit)
    assert not later.now.unfinished, "not known yet"
    assert (await later.load()).next is Step.TIME
    assert (await later.begin()).of(Step.NAME).words == start.first_start.now.of(Step.NAME).words


async def test_a_box_that_was_in_service_before_needs_none(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "box.sqlite3")
    first_start = FirstStart(store, Audit(store))
    now = await first_start.load()
    assert (now.steps, now.unfinished, now.next) == ((), False, None)
    for act in (
        first_start.verified(Step.TIME, "", "x"),
        first_start.set_aside(Step.TIME, "x"),
        first_start.finish("x"),
    ):
        with pytest.raises(FirstStartError):
            await act
    assert (await first_start.load()).steps == ()
    await store.close()


async def test_nothing_is_done_that_is_not_on_record(start: Start) -> None:
    await pragma(start.store, "query_only = 1")
    with pytest.raises(AuditUnwritableError):
        await start.first_start.set_aside(Step.TIME, "admin")
    await pragma(start.store, "query_only = 0")
    assert (await start.first_start.load()).of(Step.TIME).state is State.OPEN
