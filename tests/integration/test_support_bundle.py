"""Secrets of every kind in a real control process: none is in its bundle, log or answers."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from appliance.cli import main
from tests.integration.test_first_start import OWN, running_control
from tests.support.planted import PLATFORM, leaks, opened

PLANTED = {
    name: f"{PLATFORM}-{name}"
    for name in (
        *("sandbox", "cxengage", "sip", "asterisk", "endpoint", "api", "janus-token", "admin"),
        *("room", "coach", "bridge", "turn", "chosen", "own"),
    )
}
PLATFORM_PATH = "/api/v1/platform/settings"
KEY = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
AUDIT_KEY = bytes(range(140, 172))
DOT1X = "dot1x pass phrase"
SETTINGS = f"""
[platform.sandbox]
url = "ws://127.0.0.1:9"
token = "{PLANTED["sandbox"]}"
[platform.cxengage]
password = "{PLANTED["cxengage"]}"
[platform.cxengage.sip]
password = "{PLANTED["sip"]}"
[platform.asterisk]
password = "{PLANTED["asterisk"]}"
endpoint_password = "{PLANTED["endpoint"]}"
[platform.janus]
api_secret = "{PLANTED["api"]}"
token = "{PLANTED["janus-token"]}"
admin_key = "{PLANTED["admin"]}"
room_pin = "{PLANTED["room"]}"
coach_pin = "{PLANTED["coach"]}"
bridge_secret = "{PLANTED["bridge"]}"
[[monitoring.ice_servers]]
urls = ["turn:turn.example.org"]
username = "bargebox"
credential = "{PLANTED["turn"]}"
"""


async def test_no_secret_leaves_the_box(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/key.pem").write_text(
        f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"
    )
    (tmp_path / "audit-key").write_bytes(AUDIT_KEY)
    (tmp_path / "dot1x-password").write_text(DOT1X)
    file = tmp_path / "bundle.tar.gz"
    async with (
        running_control(tmp_path, SETTINGS) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as box,
    ):
        first = (tmp_path / "first-password").read_text().strip()
        token = json.loads((tmp_path / "cli.json").read_text())["token"]
        answers = [await sign_in_and_change(box, first)]
        cookie = box.cookies["bargebox_session"]
        answers += await all_answers(box)
        chosen = {"driver": "sandbox", "sandbox": {"url": "ws://x:9", "token": PLANTED["chosen"]}}
        async with asyncio.timeout(40):  # it looks for a call to go on with first
            while (answer := await box.put(PLATFORM_PATH, json=chosen, headers=OWN)).is_error:
                assert answer.json()["code"] == "busy"
                await asyncio.sleep(0.5)
        answers.append(answer.text)
        await asyncio.to_thread(take_bundle, tmp_path, file)
        newer = json.loads((tmp_path / "cli.json").read_text())["token"]
    with closing(sqlite3.connect(tmp_path / "bargebox.sqlite3")) as database:
        hashes = [row[0] for row in database.execute("SELECT password FROM accounts")]
    assert hashes[0].startswith("$argon2id$")
    secrets = [*PLANTED.values(), KEY, DOT1X, first, token, newer, cookie, *hashes]
    for name, text in opened(file.read_bytes()).items():
        assert leaks(text, secrets) == [], name
        assert AUDIT_KEY.hex() not in text
    assert leaks((tmp_path / "log").read_text(), secrets) == []
    for text in answers:
        assert leaks(text, secrets) == []
    told = json.loads(opened(file.read_bytes())["platform.json"])
    assert told["sandbox"]["token"] == "***"


async def sign_in_and_change(box: httpx.AsyncClient, first: str) -> str:
    """As the first person does."""
    told = await box.post("/api/v1/session", json={"user": "admin", "password": first})
    change = {"old": first, "new": PLANTED["own"]}
    answer = await box.put("/api/v1/session/password", json=change, headers=OWN)
    assert answer.status_code == 204
    return told.text


async def all_answers(box: httpx.AsyncClient) -> list[str]:
    """What every route that only tells says, and the pages."""
    schema: dict[str, Any] = (await box.get("/api/v1/openapi.json")).json()
    told = [
        path
        for path, methods in schema["paths"].items()
        if "get" in methods and "{" not in path and path != "/api/v1/events"
    ]
    assert len(told) > 8
    pages = ["/settings/platform", "/settings/health", "/panel"]
    return [(await box.get(path)).text for path in (*told, *pages)]


def take_bundle(directory: Path, file: Path) -> None:
    """As a technician does on the box; control may just be beginning anew."""
    for _ in range(100):
        code = main(["support-bundle", "--run-dir", str(directory), "--out", str(file)])
        if code == 0:
            return
        time.sleep(0.2)
    raise AssertionError("there is no bundle")
