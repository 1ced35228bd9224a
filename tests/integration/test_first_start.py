"""The first start of a real control process whose output is a log."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from appliance.console.api_client import call, find_access
from appliance.demo.box import to_toml
from tests.support.certificate_site import SiteAuthority
from tests.support.waiting import eventually

OWN = {"X-Bargebox": "1"}


@asynccontextmanager
async def running_control(directory: Path, **console: str) -> AsyncIterator[str]:
    """`bargebox control` without leg and platform; gives its address."""
    settings, local = directory / "bargebox.toml", directory / "cli.json"
    box = {"run_dir": str(directory), "state_dir": str(directory)}
    settings.write_text(to_toml({"box": box, "console": {"port": 0, **console}}))
    local.unlink(missing_ok=True)
    with (directory / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "appliance.cli", "control", "--settings", str(settings)),
            stdout=log,
            stderr=log,
        )
    try:
        await eventually(lambda: local.exists() or process.returncode is not None, 60)
        yield json.loads(local.read_text())["url"]
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(15):
            assert await process.wait() == 0


async def test_the_one_time_password_is_in_a_file_until_it_is_changed(tmp_path: Path) -> None:
    kept, log = tmp_path / "first-password", tmp_path / "log"
    async with running_control(tmp_path):
        password = kept.read_text().strip()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    async with running_control(tmp_path) as url, httpx.AsyncClient(base_url=url) as client:
        assert kept.read_text().strip() == password
        body = {"user": "admin", "password": password}
        answer = await client.post("/api/v1/session", json=body)
        assert answer.json()["must_change_password"] is True
        change = {"old": password, "new": "one of my own"}
        answer = await client.put("/api/v1/session/password", json=change, headers=OWN)
        assert answer.status_code == 204
        assert not kept.exists()
    assert str(kept) in log.read_text()
    assert password not in log.read_text()


async def test_https_from_the_first_second_and_the_command_line_knows_each_certificate(
    tmp_path: Path,
) -> None:
    """A real control process, asked as the box's own commands ask it."""
    site = await asyncio.to_thread(SiteAuthority, tmp_path / "site")

    def ask(method: str, body: object = None) -> dict[str, Any]:
        access = find_access(None, None, tmp_path / "cli.json")
        answer: dict[str, Any] = call(access, method, "/certificate", body)
        return answer

    async with running_control(tmp_path, https="on") as url:
        assert url.startswith("https://127.0.0.1:")
        own = await asyncio.to_thread(ask, "GET")
        assert (own["https"], own["origin"]) == (True, "own")
        assert "127.0.0.1" in own["certificate"]["names"]
        assert stat.S_IMODE((tmp_path / "tls/own.pem").stat().st_mode) == 0o600
        leaf, key = await asyncio.to_thread(site.issue, own["certificate"]["names"][0])
        await asyncio.to_thread(ask, "PUT", {"certificate": leaf, "key": key})
        uploaded = await asyncio.to_thread(ask, "GET")
        assert uploaded["origin"] == "uploaded"
    async with running_control(tmp_path, https="on"):
        assert (await asyncio.to_thread(ask, "GET"))["certificate"] == uploaded["certificate"]
        back = await asyncio.to_thread(ask, "DELETE")
        assert back["certificate"] == own["certificate"]
        assert (await asyncio.to_thread(ask, "GET"))["origin"] == "own"
    log = (tmp_path / "log").read_text()
    assert "PRIVATE" not in log
    assert own["certificate"]["fingerprint"] in log
