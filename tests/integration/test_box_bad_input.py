"""Bad input at every door: a clear message, nothing lost, no traceback."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from appliance.control_link.base import MAX_LINE
from appliance.demo.box import to_toml
from appliance.demo.world import Options, World
from appliance.platforms.sandbox.centre.tenant import FLOWS
from tests.support.demo_world import Person, demo_world, monitored, open_centre


async def bargebox(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run the command; exit code, standard output, standard error."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("BARGEBOX_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "appliance.cli",
        *arguments,
        env={**inherited, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in out + err
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with demo_world(tmp_path) as world:
        yield world


@pytest.mark.parametrize("command", ["leg", "control"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[leg]\nvolume = 101\n", "leg.volume: Input should be less than or equal to 100"),
        ("[leg]\nloud = true\n", "leg.loud: Extra inputs are not permitted"),
        ("[audio]\nheadset = 'hw:0'\n", "audio.headset"),
        ("[leg\n", "line 1"),
        ("[platform]\ndriver = 'carrier pigeon'\n", "platform.driver"),
    ],
)
async def test_malformed_settings_are_refused_whole(
    tmp_path: Path, command: str, text: str, words: str
) -> None:
    file = tmp_path / "bargebox.toml"
    file.write_text(text)
    code, _, err = await bargebox(command, "--settings", str(file))
    assert code == 78
    assert words in err
    assert file.read_text() == text


async def test_missing_settings_are_named(tmp_path: Path) -> None:
    code, _, err = await bargebox("leg", "--settings", str(tmp_path / "none.toml"))
    assert code == 78
    assert "none.toml cannot be read: No such file" in err


async def test_the_last_good_settings_outlive_a_bad_edit(tmp_path: Path) -> None:
    async with demo_world(tmp_path) as world, Person(world) as person:
        assert world.settings_file.with_name("bargebox.toml.last-good").exists()
        world.settings_file.write_text("[leg]\nvolume = 'loud'\n")
        await world.control.stop()
        await world.leg.stop()
        await world.leg.start()
        await world.control.start()
        async with asyncio.timeout(10):
            while True:
                try:
                    if (await person.get("/device"))["headset"]["playing"]:
                        break
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)  # not up yet


async def test_wrong_board_names_those_there_are(tmp_path: Path) -> None:
    file = tmp_path / "bargebox.toml"
    file.write_text("[panel]\nboard = 'toaster'\n")
    code, _, err = await bargebox("leg", "--settings", str(file))
    assert code == 78
    assert "toaster" in err
    assert "raspberry-pi-4" in err


async def test_broken_board_profile_says_where(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\npins = "lgpio"\n')
    file = tmp_path / "bargebox.toml"
    file.write_text(to_toml({"panel": {"board": "mine", "boards_dir": str(tmp_path)}}))
    code, _, err = await bargebox("leg", "--settings", str(file))
    assert code == 78
    assert "mine" in err
    assert "title" in err


async def test_unknown_headset_is_shown_and_looked_for(tmp_path: Path) -> None:
    options = Options(settings={"audio": {"headset": "usb-serial:NOT-THERE"}})
    world = World(tmp_path, options)
    starting = asyncio.create_task(world.__aenter__())
    try:
        async with asyncio.timeout(20):
            while not world.tokens:
                await asyncio.sleep(0.05)
            while True:
                try:
                    token = world.tokens["supervisor"]
                    device = await asyncio.to_thread(world.get, "/device", token)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                if device["connected"] and device["headset"]["detail"]:
                    break
                await asyncio.sleep(0.05)
        assert device["headset"]["present"] is False
        assert "NOT-THERE" in device["headset"]["detail"]
        assert device["lamps"]["status"] == "fast_double_blink"
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await world.stop()


async def test_unreachable_platform_says_so_and_comes_back(world: World) -> None:
    async with Person(world) as person:
        await world.centre.stop()
        async with asyncio.timeout(10):
            while (await person.get("/interactions"))["platform"]["connected"]:
                await asyncio.sleep(0.05)
        platform = (await person.get("/interactions"))["platform"]
        assert "does not answer" in platform["detail"] or "lost" in platform["detail"]
        refused = await person.request("POST", "/interactions/call-1/monitor")
        assert refused.status_code in (404, 409, 502, 503)
        assert refused.json()["detail"]
        await world.centre.start()
        async with asyncio.timeout(15):
            while not (await person.get("/interactions"))["platform"]["connected"]:
                await asyncio.sleep(0.05)


async def test_refused_offer_leaves_nothing_behind(world: World) -> None:
    async with Person(world) as person, open_centre(world) as admin:
        call = await admin.create_call()
        await person.listed(call)
        await admin.do("refuse_next_offer")
        refused = await person.request("POST", f"/interactions/{call}/monitor")
        assert refused.status_code >= 400
        assert set(refused.json()) == {"code", "detail"}
        await person.until("/monitoring", state="idle")
        assert (await admin.do("legs"))["legs"] == []
        assert (await person.post(f"/interactions/{call}/monitor"))["state"] == "listening"


@pytest.mark.parametrize(
    ("flow", "reason"),
    [("no object", "no_monitoring_object"), ("switched off", "monitoring_disabled")],
)
async def test_flows_that_cannot_be_monitored_say_why(world: World, flow: str, reason: str) -> None:
    wanted = next(f for f in FLOWS if f.refusal == reason)
    async with Person(world) as person, open_centre(world) as admin:
        call = await admin.create_call(flow=wanted.name)
        await person.listed(call)
        row = await person.get(f"/interactions/{call}")
        assert row["monitorable"] is False
        assert row["not_monitorable_reason"] == reason
        refused = await person.request("POST", f"/interactions/{call}/monitor")
        assert refused.status_code in (403, 409)
        assert refused.json()["code"] == reason


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\n",
        b'{"type":"open_gate"}\n',
        b"\xff\xfe\n",
        b'{"type":"ping","id":1',
        b"x" * 400_000,
    ],
)
async def test_garbage_on_the_control_link_mutes_nothing_else(world: World, garbage: bytes) -> None:
    assert len(garbage) < 2 * MAX_LINE
    async with Person(world) as person, monitored(world, person) as call:
        leg = world.leg.pid
        await asyncio.to_thread(_throw, world.run_dir / "leg.sock", garbage)
        view = await person.get("/monitoring")
        assert (view["state"], view["muted"]) == ("listening", True)
        assert view["session_id"] == call.session_id
        assert world.leg.pid == leg, "the leg must survive garbage"
        await person.put("/monitoring/microphone", {"muted": False})
        await person.put("/monitoring/microphone", {"muted": True})


def _throw(path: Path, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as intruder:
        intruder.settimeout(5)
        intruder.connect(str(path))
        intruder.recv(65536)
        try:
            intruder.sendall(garbage)
            intruder.shutdown(socket.SHUT_WR)
            while intruder.recv(65536):
                pass
        except OSError:
            return


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/monitoring/microphone", {"muted": "perhaps"}, 422),
        ("PUT", "/monitoring/microphone", {"muted": True, "audience": "x" * 5000}, 422),
        ("PUT", "/device/volume", {"percent": 10_000}, 422),
        ("GET", "/interactions?per_page=100000", None, 422),
        ("GET", f"/interactions?search={'x' * 3000}", None, 422),
        ("GET", f"/interactions/{'x' * 3000}", None, 422),
        ("POST", "/interactions/no-such-call/monitor", None, 404),
        ("PUT", "/monitoring/microphone", {"muted": False}, 404),
        ("DELETE", "/monitoring", None, 404),
        ("GET", "/nowhere", None, 404),
    ],
)
async def test_api_answers_bad_requests_with_code_and_detail(
    world: World, method: str, path: str, body: object, status: int
) -> None:
    async with Person(world) as person:
        answer = await person.request(method, path, body)
        assert answer.status_code == status, answer.text
        fields = {"fields"} if status == 422 else set()
        assert set(answer.json()) == {"code", "detail"} | fields
        assert answer.json()["detail"]


async def test_command_line_explains(world: World) -> None:
    code, _, err = await bargebox("status", "--run-dir", "/nonexistent")
    assert code == 69
    assert "control process does not run here" in err
    run_dir = str(world.run_dir)
    code, out, _ = await bargebox("status", "--run-dir", run_dir)
    assert code == 0
    assert "Idle." in out
    code, _, err = await bargebox("monitor", "no-such-call", "--run-dir", run_dir)
    assert code == 1
    assert "not_found" in err
    code, _, err = await bargebox("unmute", "--run-dir", run_dir)
    assert code == 1
    assert "no_session" in err
    code, out, _ = await bargebox("selftest", "--run-dir", run_dir)
    assert code == 0
    assert "microphone" in out
    code, _, err = await bargebox(
        "status", "--url", world.url, environment={"BARGEBOX_TOKEN": "wrong"}
    )
    assert code == 1
