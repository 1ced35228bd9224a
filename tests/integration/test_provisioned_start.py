"""A real control process and documents of settings: at its start, on a stick, at the box."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from appliance.console.api_client import ApiError, call, find_access
from tests.support.log_server import log_server
from tests.support.planted import opened
from tests.support.site_box import PASSWORD, SiteBox
from tests.support.waiting import eventually

DOCUMENT = f"""
[administrator]
password = "{PASSWORD}"
[[accounts]]
name = "Sam"
role = "Supervisor"
password = "for the first time"
[site]
confirmation = "Go on?"
"""
OPENID = """
[openid]
enabled = true
label = "Example Ltd"
issuer = "https://id.example.org"
client_id = "bargebox"
client_secret = "of that client"
roles = [{ group = "leads", role = "Supervisor" }]
"""


@asynccontextmanager
async def running(box: SiteBox) -> AsyncIterator[Path]:
    """`bargebox control` on *box*; the file that says where it is."""
    local = box.folder / "cli.json"
    local.unlink(missing_ok=True)
    text = box.file.read_text()
    if "port = 0" not in text:
        box.file.write_text(text.replace("[console]", "[console]\nport = 0"))
    with (box.folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "appliance.cli", "control", "--settings", str(box.file)),
            stdout=log,
            stderr=log,
        )
    try:
        await eventually(lambda: local.exists() or process.returncode is not None, 60)
        yield local
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(15):
            assert await process.wait() == 0


async def signs_in(local: Path, name: str, password: str) -> bool:
    """Whether that works, once the page of this life is there."""
    body = {"user": name, "password": password}
    async with asyncio.timeout(20):
        while True:
            url = json.loads(local.read_text())["url"]
            async with httpx.AsyncClient(base_url=url) as client:
                with suppress(httpx.ConnectError):
                    return (await client.post("/api/v1/session", json=body)).status_code == 201
            await asyncio.sleep(0.1)


async def asked(
    local: Path, path: str, method: str = "GET", body: object = None, *, raw: bool = False
) -> Any:
    """What the API tells the box's own command line."""
    access = await asyncio.to_thread(find_access, None, None, local)
    return await asyncio.to_thread(call, access, method, path, body, raw=raw)


async def reset(local: Path, body: object) -> None:
    """Order a factory reset, once the box has looked for a call to go on with."""
    async with asyncio.timeout(20):
        while True:
            try:
                await asked(local, "/device/factory-reset", "POST", body)
            except ApiError as error:
                if error.code != "busy":
                    raise
                await asyncio.sleep(0.1)
            else:
                return


async def command(*arguments: str | Path) -> tuple[int, str]:
    """The exit code of a command and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.cli", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_box_with_a_document_comes_up_in_service(tmp_path: Path) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    path = box.put(DOCUMENT)
    async with running(box) as local:
        assert await signs_in(local, "admin", PASSWORD)
        assert await signs_in(local, "Sam", "for the first time")
        assert PASSWORD not in path.read_text()
        assert "for the first time" not in path.read_text()
        await eventually(lambda: "APPLIED." in box.report(), 20)
        await eventually(lambda: "The box is in service." in box.report(), 30)
        first_start = await asked(local, "/first-start")
        assert first_start["unfinished"] is False
        steps = {one["step"]: one for one in first_start["steps"]}
        assert steps["password"]["state"] == steps["supervisor"]["state"] == "done"
        assert steps["supervisor"]["words"] == "Sam may monitor calls."
        assert steps["headset"]["state"] == "aside"
    async with running(box) as local:
        assert await signs_in(local, "Sam", "for the first time")
    log = (tmp_path / "log").read_text()
    assert PASSWORD not in log + box.report()
    assert log.count("the document of settings is applied") == 1
    assert (await box.document())["site"]["confirmation"] == "Go on?"


async def test_a_life_with_a_document_sends_its_logs_and_offers_the_identity_provider(
    tmp_path: Path,
) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    with log_server(tmp_path / "rsyslog") as server:
        logs = f'[logs]\ntransport = "tcp"\nserver = "127.0.0.1"\nport = {server.ports["tcp"]}\n'
        path = box.put(DOCUMENT + OPENID + logs)
        async with running(box) as local:
            assert await signs_in(local, "Sam", "for the first time")
            await eventually(lambda: "bargebox-audit" in str(server.received), 20)
            async with httpx.AsyncClient(base_url=json.loads(local.read_text())["url"]) as client:
                assert "Sign in with Example Ltd" in (await client.get("/sign-in")).text
    assert "of that client" not in path.read_text() + (tmp_path / "log").read_text()
    assert "of that client" not in str(server.received)
    assert "\n[openid]\nenabled = true\n" in path.read_text()


async def test_damaged_settings_of_what_is_away_keep_no_box_from_its_start_its_help_and_its_reset(
    tmp_path: Path,
) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    box.put(DOCUMENT)
    assert await box.start()
    damaged = [box.state / name for name in ("openid-secret.json", "log-forwarding.json")]
    for file in damaged:
        file.write_text('{"label": "half of a secret')
    path = box.put("[site]\nbarge_limit_s = 60\n")
    async with running(box) as local:
        assert await signs_in(local, "Sam", "for the first time")
        await eventually(lambda: path.with_name("bargebox-report.txt").exists(), 20)
        assert "APPLIED." in box.report()
        health = await asked(local, "/health/check", "POST")
        assert "log_settings_damaged" in [one["code"] for one in health["findings"]]
        assert "“Log server”" in (await asked(local, "/logs"))["fault"]
        assert "“Sign-in”" in (await asked(local, "/openid/settings"))["fault"]
        files = opened(await asked(local, "/support-bundle", "POST", raw=True))
        assert "log_settings_damaged" in files["health.json"]
        assert "half of a secret" not in str(files) + (tmp_path / "log").read_text()
        name = (await asked(local, "/device/factory-reset"))["name"]
        await reset(local, {"name": name, "password": ""})
        await eventually(lambda: not any(file.exists() for file in damaged), 30)
        assert not await signs_in(local, "Sam", "for the first time")
        assert (await asked(local, "/logs"))["fault"] == ""


async def test_what_a_document_gives_and_the_box_does_not_find_stays_open(tmp_path: Path) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    text = '[platform]\ndriver = "janus"\n[platform.janus]\nurl = "ws://127.0.0.1:9"\n'
    box.put(DOCUMENT + text)
    async with running(box) as local:
        await eventually(lambda: "FAIL  first start: platform: " in box.report(), 40)
        now = await asked(local, "/first-start")
        assert (now["unfinished"], now["next"]) == (True, "platform")


async def test_a_document_without_the_administrators_password_leaves_the_first_start_to_a_person(
    tmp_path: Path,
) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    box.put(DOCUMENT[DOCUMENT.index("[[accounts]]") :])
    async with running(box) as local:
        await eventually(lambda: "It goes on on the page." in box.report(), 40)
        now = await asked(local, "/first-start")
        assert (now["unfinished"], now["next"]) == (True, "password")
        states = {one["step"]: one["state"] for one in now["steps"]}
        assert states.pop("supervisor") == "done"
        assert set(states.values()) == {"open"}  # it is theirs to set aside


async def test_a_stick_that_is_plugged_in_is_taken_up_while_the_box_waits_for_its_first_start(
    tmp_path: Path,
) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    async with running(box) as local:
        stick = box.media / "STICK"
        path = box.put("[site]\nbarge_limit_s = -1\n", stick)
        os.utime(path, (1, 1))
        report = stick / "bargebox-report.txt"
        await eventually(lambda: report.exists() and "REFUSED" in report.read_text(), 30)
        box.put(DOCUMENT, stick)
        await eventually(lambda: "APPLIED." in report.read_text(), 30)
        assert await signs_in(local, "Sam", "for the first time")
    starts = (tmp_path / "log").read_text().count("the page is at")
    assert starts == 3


async def test_the_command_checks_a_document_and_has_the_box_apply_it(tmp_path: Path) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    given = tmp_path / "given"
    given.mkdir()
    wrong = given / "wrong.toml"
    wrong.write_text("[site]\n\nbarge_limit_s = -1\n[headset]\nchoice = 'card:1'\n")
    path = box.put(DOCUMENT, given)
    async with running(box) as local:
        code, said = await command("provision", wrong, "--settings", box.file)
        assert code == 78
        assert "Line 3, site.barge_limit_s: This must be 0 or more.\n" in said
        assert "Line 5, headset.choice: " in said
        code, said = await command("provision", path, "--check", "--settings", box.file)
        assert (code, "is right for this box" in said) == (0, True)
        assert PASSWORD in path.read_text()
        code, said = await command("provision", path, "--settings", box.file)
        assert code == 0, said
        report = given / "bargebox-report.txt"
        await eventually(lambda: report.exists() and "APPLIED." in report.read_text(), 30)
        assert await signs_in(local, "admin", PASSWORD)
    assert PASSWORD not in path.read_text()


async def test_a_document_given_to_a_stopped_box_is_applied_at_its_next_start(
    tmp_path: Path,
) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    assert not await box.start()
    async with box.offline():
        pass  # it was started once
    given = tmp_path / "given"
    path = box.put(DOCUMENT, given)
    code, said = await command("provision", path, "--settings", box.file)
    assert code == 0, said
    assert "at its next start" in said
    assert PASSWORD not in path.read_text()  # it is safe in the plan
    async with running(box) as local:
        assert await signs_in(local, "admin", PASSWORD)
    assert "were erased" in box.report(given)


async def test_a_leg_left_on_a_platform_that_is_used_no_more_keeps_no_document_waiting(
    tmp_path: Path,
) -> None:
    box = await asyncio.to_thread(SiteBox, tmp_path)
    async with box.offline():
        pass
    await asyncio.to_thread(_leave_a_leg, box)
    path = box.put(DOCUMENT, tmp_path / "given")
    code, said = await command("provision", path, "--settings", box.file)
    assert code == 0, said
    async with running(box) as local:
        report = path.with_name("bargebox-report.txt")
        await eventually(lambda: report.exists() and "APPLIED." in report.read_text(), 30)
        assert await signs_in(local, "admin", PASSWORD)
    assert (tmp_path / "log").read_text().count("the page is at") == 1


def _leave_a_leg(box: SiteBox) -> None:
    database = sqlite3.connect(box.state / "bargebox.sqlite3")
    with database:
        row = ("handle-1", "janus", "a session that ended", "2026-01-01T00:00:00+00:00")
        database.execute("INSERT INTO open_legs VALUES (?, ?, ?, ?)", row)
    database.close()
