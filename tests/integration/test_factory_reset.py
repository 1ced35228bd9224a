"""A real control process is used, reset, and begins as at its first start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from appliance.demo.box import to_toml
from appliance.monitoring.audit_files import check_database, marks_of
from appliance.provisioning.reset.made import GOES, MARKER, STAYS
from tests.support.certificate_site import SiteAuthority
from tests.support.waiting import eventually

OWN = {"X-Bargebox": "1"}
PASSWORD = "one of my own"
AT_FIRST = {
    "bargebox.sqlite3",
    "bargebox.sqlite3-wal",
    "bargebox.sqlite3-shm",
    "bargebox-audit.key",
    "bargebox-audit.head",
    "first-password",
    "tls",
}
"""What a first start makes. Another file is a decision: see `appliance.provisioning.reset.made`."""


class Control:
    """One in *directory*, its state apart from all else."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.state = directory, directory / "state"
        self.settings, self.local = directory / "bargebox.toml", directory / "cli.json"
        box = {"run_dir": str(directory), "state_dir": str(self.state), "system_bus": ""}
        self.settings.write_text(to_toml({"box": box, "console": {"port": 0}}))
        self.process: asyncio.subprocess.Process | None = None

    @property
    def access(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.local.read_text())
        return found

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    @asynccontextmanager
    async def running(self, *, killed: bool = False) -> AsyncIterator[str]:
        """Until left; then stopped, or *killed*."""
        self.local.unlink(missing_ok=True)
        with (self.directory / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "appliance.cli", "control"),
                *("--settings", str(self.settings)),
                stdout=log,
                stderr=log,
            )
        self.process = process
        try:
            await eventually(lambda: self.local.exists() or process.returncode is not None, 60)
            yield self.access["url"]
        finally:
            process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
            async with asyncio.timeout(15):
                status = await process.wait()
            assert killed or status == 0

    async def fresh(self, before: str) -> dict[str, str]:
        """Wait for the life after the one with the local token *before*."""
        await eventually(
            lambda: self.local.exists() and self.access["token"] != before,
            30,
        )
        return self.access

    def files(self) -> set[str]:
        return {path.name for path in self.state.iterdir()}


async def signed_in(client: httpx.AsyncClient, password: str) -> httpx.Response:
    body = {"user": "admin", "password": password}
    return await client.post("/api/v1/session", json=body)


async def patiently(
    client: httpx.AsyncClient, method: str, path: str, body: object
) -> httpx.Response:
    """The answer to a request; a box that has just begun looks for a call first."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.request(method, f"/api/v1{path}", json=body)
            if answer.status_code != 409 or "just started" not in answer.text:
                return answer
            await asyncio.sleep(0.1)


async def use(control: Control, client: httpx.AsyncClient) -> tuple[str, str]:
    """Make everything that can be made there; a token, and the first password."""
    first = (control.state / "first-password").read_text().strip()
    assert (await signed_in(client, first)).status_code == 201
    change = {"old": first, "new": PASSWORD}
    assert (await client.put("/api/v1/session/password", json=change)).status_code == 204

    async def made(method: str, path: str, body: dict[str, Any]) -> Any:
        answer = await patiently(client, method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    await made("POST", "/accounts", {"name": "ada", "role": "Supervisor"})
    body = {"label": "script", "days": 30, "permissions": ["MANAGE_DEVICE"]}
    token = (await made("POST", "/accounts/admin/tokens", body))["secret"]
    site = await asyncio.to_thread(SiteAuthority, control.directory / "site")
    names = (await client.get("/api/v1/certificate")).json()["certificate"]["names"]
    leaf, key = await asyncio.to_thread(site.issue, names[0])
    await made("PUT", "/certificate", {"certificate": leaf, "key": key})
    await made("POST", "/certificate/request", {"names": ["localhost"], "key": "ec"})
    await made("POST", "/certificate/authorities", {"certificate": site.pem})
    (control.state / "time-servers").write_text("ntp.example.org\n")  # as with a system bus
    (control.state / "shipped.json").write_text('{"name": "bargebox"}')
    before = control.access["token"]
    settings = {"driver": "sandbox", "sandbox": {"url": "ws://127.0.0.1:9", "token": "t"}}
    await made("PUT", "/platform/settings", settings)
    await control.fresh(before)
    return token, first


async def test_a_used_box_becomes_a_fresh_one(tmp_path: Path) -> None:
    control = Control(tmp_path)
    async with control.running() as url, httpx.AsyncClient(headers=OWN, base_url=url) as client:
        token, first = await use(control, client)
        client.base_url = httpx.URL(control.access["url"])
        walked = control.files()
        assert {"platform.json", "tls", "time-servers", "bargebox-audit.key"} <= walked
        for name in walked:
            assert any(Path(name).match(one) for one in (*GOES, *STAYS)), name

        cookies, before = dict(client.cookies), control.access["token"]
        told = (await client.get("/api/v1/device/factory-reset")).json()
        body = {"name": told["name"], "password": PASSWORD}
        answer = await patiently(client, "POST", "/device/factory-reset", body)
        assert answer.status_code == 202, answer.text
        access = await control.fresh(before)
        assert control.process is not None
        assert control.process.returncode is None  # the same process goes on

        async with httpx.AsyncClient(headers=OWN, base_url=access["url"]) as anew:
            for name, value in cookies.items():
                anew.cookies.set(name, value)
            assert (await anew.get("/api/v1/session")).status_code == 401
            anew.cookies.clear()
            for old in (token, before):
                bearer = {"Authorization": f"Bearer {old}"}
                assert (await anew.get("/api/v1/session", headers=bearer)).status_code == 401
            for password in (PASSWORD, first):
                assert (await signed_in(anew, password)).status_code == 401
            again = (control.state / "first-password").read_text().strip()
            assert again != first
            assert (await signed_in(anew, again)).json()["must_change_password"] is True
            assert control.files() <= AT_FIRST
            assert MARKER not in control.files()
            assert {path.name for path in (control.state / "tls").iterdir()} <= {"own.pem"}
            local = {"Authorization": f"Bearer {access['token']}"}
            people = (await anew.get("/api/v1/accounts", headers=local)).json()["items"]
            assert [one["name"] for one in people] == ["admin"]
            rows = (await anew.get("/api/v1/audit", headers=local)).json()["items"]
            (row,) = (row for row in rows if row["action"] == "factory_reset_done")
            head = answer.json()["head"]
            assert json.loads(row["detail"]) == {
                "former_rows": head["seq"],
                "former_hash": head["hash"],
            }
            assert (await anew.get("/api/v1/certificate", headers=local)).json()["request"] is None
            settings = (await anew.get("/api/v1/platform/settings", headers=local)).json()
            assert settings["origin"] == "file"
    verdict = await asyncio.to_thread(check_database, control.state / "bargebox.sqlite3")
    assert verdict.intact, verdict.faults
    (tmp_path / "journal").write_text(control.log)
    marks = await asyncio.to_thread(marks_of, tmp_path / "journal")
    assert head["hash"] in {mark.hash for mark in marks}


async def test_one_that_was_killed_before_it_began_is_done_at_the_next_start(
    tmp_path: Path,
) -> None:
    control = Control(tmp_path)
    async with control.running(killed=True):
        first = (control.state / "first-password").read_text()
    command = [sys.executable, "-m", "appliance.cli", "factory-reset", "--yes"]
    done = await asyncio.create_subprocess_exec(
        *command, "--settings", str(control.settings), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await done.communicate()
    assert (done.returncode, b"next start" in told) == (0, True)
    async with control.running():
        assert (control.state / "first-password").read_text() != first
        assert control.files() <= AT_FIRST


async def test_the_command_at_the_box_needs_no_password(tmp_path: Path) -> None:
    control = Control(tmp_path)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BARGEBOX_")}
    async with control.running():
        before, first = control.access["token"], (control.state / "first-password").read_text()
        command = [sys.executable, "-m", "appliance.cli", "factory-reset", "--yes"]
        status, told = 1, b""
        async with asyncio.timeout(30):
            while status == 1:  # for as long as it looks for a call to go on with
                done = await asyncio.create_subprocess_exec(
                    *command,
                    *("--settings", str(control.settings)),
                    stdout=asyncio.subprocess.PIPE,
                    env=environment,
                )
                told, _ = await done.communicate()
                status = await done.wait()
        assert status == 0
        assert b"audit_head" in told
        await control.fresh(before)
        assert (control.state / "first-password").read_text() != first
