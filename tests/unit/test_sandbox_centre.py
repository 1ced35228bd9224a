"""The tenant's calls, their rosters, what clients are told of them; settings and wire format."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import Capability, Driver, PlatformError
from appliance.platforms.sandbox import wire
from appliance.platforms.sandbox.centre.admin import Admin
from appliance.platforms.sandbox.centre.call import Call, RosterEntry, may_see
from appliance.platforms.sandbox.centre.conversation import SIDES
from appliance.platforms.sandbox.centre.exchange import Exchange
from appliance.platforms.sandbox.centre.life import Life
from appliance.platforms.sandbox.centre.refusal import RefusedError
from appliance.platforms.sandbox.centre.requests import CreateCall, End, Transfer
from appliance.platforms.sandbox.centre.settings import CentreSettings
from appliance.platforms.sandbox.centre.tenant import AGENTS, FLOWS, cast, seeded
from appliance.platforms.sandbox.driver import SandboxDriver
from appliance.platforms.sandbox.settings import SandboxSettings
from tests.support.centre import SPEECH_DIRECTORY
from tests.support.leg_port import FixedLeg


class Told:
    """Collects the states of calls as clients are told of them."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []

    def __call__(self, call: Call) -> None:
        self.states.append((call.id, call.state))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def exchange(told: Told) -> Exchange:
    return Exchange(CentreSettings(), {}, told)


async def test_a_call_goes_through_its_states(exchange: Exchange, told: Told) -> None:
    call = exchange.begin(cast(seeded(1)))
    exchange.hold(call)
    exchange.unhold(call)
    other = next(agent for agent in AGENTS if agent != call.agent)
    await exchange.transfer(call, other, 0.0)
    exchange.end(call, "customer")
    exchange.end(call, "agent")
    assert [state for _, state in told.states] == [
        "in-conversation",
        "on-hold",
        "in-conversation",
        "transferring",
        "in-conversation",
        "ended",
    ]
    assert call.interaction().agents == (other,)
    assert [notice.text for notice in call.parties["customer"].notices] == [
        "connected",
        "on hold",
        "taken back",
        "being transferred",
        f"transferred to {other.name}",
        "ended by customer",
    ]


async def test_what_does_not_fit_the_state_is_refused(exchange: Exchange) -> None:
    call = exchange.begin(cast(seeded(1)))
    with pytest.raises(RefusedError) as caught:
        exchange.unhold(call)
    assert caught.value.code == "wrong_state"


async def test_calls_that_ended_are_told_from_those_that_never_were(exchange: Exchange) -> None:
    call = exchange.begin(cast(seeded(1)))
    exchange.end(call, "agent")
    for wanted, code in ((call.id, "call_ended"), ("nothing", "not_found")):
        with pytest.raises(RefusedError) as caught:
            exchange.find(wanted)
        assert caught.value.code == code
    assert exchange.find_or_ended(call.id) is call


async def test_a_transfer_ends_even_when_the_one_who_asked_is_gone(exchange: Exchange) -> None:
    call = exchange.begin(cast(seeded(1)))
    transfer = asyncio.create_task(exchange.transfer(call, AGENTS[0], 60.0))
    await asyncio.sleep(0)
    transfer.cancel()
    await asyncio.gather(transfer, return_exceptions=True)
    assert call.talking


@pytest.mark.parametrize("side", SIDES)
def test_nobody_on_the_call_can_see_a_supervisor(side: str) -> None:
    assert side in SIDES
    assert not may_see(side, RosterEntry("supervisor", "sue"))
    assert may_see(side, RosterEntry("agent", "Ada"))
    assert may_see(side, RosterEntry("customer", "Carl"))


async def test_administrator_operations_name_what_they_do_not_find(exchange: Exchange) -> None:
    admin = Admin(exchange, Life(exchange, seed=1, pace=1.0))
    for request in (
        CreateCall(id=1, op="create_call", agent="nobody"),
        CreateCall(id=1, op="create_call", flow="nothing"),
        End(id=1, op="end", call="nothing"),
    ):
        with pytest.raises(RefusedError) as caught:
            await admin.do(request)
        assert caught.value.code == "not_found"
    made = await admin.do(CreateCall(id=1, op="create_call", agent="Grace Lindqvist"))
    with pytest.raises(RefusedError):
        await admin.do(Transfer(id=1, op="transfer", call=made["call"], to="nobody"))
    assert exchange.find(made["call"]).talking


async def test_listed_interactions_are_as_many_as_asked_for(exchange: Exchange) -> None:
    life = Life(exchange, seed=1, pace=1.0)
    for wanted in (250, 40, 0):
        await life.set_listed(wanted, 0.0)
        assert len(exchange.calls) == wanted


def test_the_same_seed_gives_the_same_day() -> None:
    first, again, other = seeded(1, 2), seeded(1, 2), seeded(1, 3)
    day = [cast(first) for _ in range(50)]
    assert day == [cast(again) for _ in range(50)]
    assert day != [cast(other) for _ in range(50)]
    assert {one.flow for one in day} == set(FLOWS)


def test_interactions_go_over_the_wire_unchanged() -> None:
    call = Call(id="call-1", cast=cast(seeded(1)), agent=AGENTS[0])
    call.note_monitor("sue")
    call.note_barge("sue")
    call.note_left("sue")
    sent = wire.Interactions(items=(call.interaction(),), part="last")
    received = wire.events.validate_json(sent.model_dump_json())
    assert received == sent
    assert isinstance(received, wire.Interactions)
    (monitor,) = received.items[0].monitors
    assert monitor.barged_in
    assert monitor.ended_at is not None
    assert monitor.ended_at.utcoffset() is not None


def test_a_flow_without_the_object_is_told_as_not_monitorable() -> None:
    casting = cast(seeded(1))
    for flow in FLOWS:
        call = Call("c", dataclasses.replace(casting, flow=flow), AGENTS[0])
        interaction = call.interaction()
        assert interaction.monitorable == (flow.refusal is None)
        assert interaction.not_monitorable_reason == flow.refusal
    refusals = {flow.refusal for flow in FLOWS}
    assert {EndReason.NO_MONITORING_OBJECT, EndReason.MONITORING_DISABLED} <= refusals


def test_settings_are_refused_as_a_whole() -> None:
    for wrong in ({"listed": 10_001}, {"token": "short"}, {"unknown": 1}, {"port": 70_000}):
        with pytest.raises(ValidationError):
            CentreSettings.model_validate(wrong)
    assert CentreSettings().token != CentreSettings().token
    with pytest.raises(ValidationError):
        SandboxSettings.model_validate({"url": "http://somewhere"})


def test_the_token_does_not_show_in_logs() -> None:
    assert "secret-word" not in repr(SandboxSettings.model_validate({"token": "secret-word"}))


def test_the_driver_offers_what_its_leg_can_do() -> None:
    driver: Driver = SandboxDriver(SandboxSettings())
    assert driver.capabilities == frozenset(Capability)
    listening = SandboxDriver(SandboxSettings(leg_direction="recvonly"))
    assert listening.leg.direction == "recvonly"
    assert not listening.capabilities & {Capability.BARGE, Capability.COACH}
    assert Capability.LISTEN in listening.capabilities


async def test_a_driver_that_is_not_connected_refuses_at_once() -> None:
    driver = SandboxDriver(SandboxSettings())
    for asked in (
        driver.monitor("h", "call-1", "sue", FixedLeg()),
        driver.set_audience("h", None),
        driver.leave("h"),
        driver.resume("h", FixedLeg()),
    ):
        with pytest.raises(PlatformError) as caught:
            await asked
        assert caught.value.code == EndReason.PLATFORM_LOST


def test_the_driver_brings_no_media_into_the_control_process() -> None:
    script = (
        "import sys, appliance.platforms.sandbox.driver, appliance.platforms.sandbox.settings\n"
        "print(sorted({'aiortc', 'aioice', 'av', 'numpy', 'opuslib_next'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def _start(
    tmp_path: Path, settings: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "settings.json"
    file.write_text(settings)
    return subprocess.run(
        [sys.executable, "-m", "appliance.platforms.sandbox.centre", "--settings", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        env=None if path is None else {"PATH": path},
        check=False,
    )


def _exists(pid: int) -> bool:
    """A process that ended but was not waited for (no init in the test's container) is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_centre_ends_with_its_parent(tmp_path: Path) -> None:
    ready, settings = tmp_path / "ready", tmp_path / "settings.json"
    settings.write_text(json.dumps({"lively": 0, "speech_directory": str(SPEECH_DIRECTORY)}))
    command = (
        f"{sys.executable} -m appliance.platforms.sandbox.centre --follow-parent "
        f"--settings {settings} --ready-file {ready} & wait"
    )
    with subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.DEVNULL) as parent:
        deadline = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ready.stat().st_mode & 0o777 == 0o600
        pid = json.loads(ready.read_text())["pid"]
        parent.kill()
    while _exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _exists(pid)


def test_the_centre_says_in_one_line_why_it_does_not_start(tmp_path: Path) -> None:
    done = _start(tmp_path, '{"listed": -1}')
    assert done.returncode == 2
    assert "listed" in done.stderr
    assert "Traceback" not in done.stderr
    done = _start(tmp_path, "{}", path=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().endswith("install the package espeak-ng.")
    assert "Traceback" not in done.stderr
