"""Where the logs are sent, through the API, on the page, in health and metrics."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from appliance.console.language import read_languages
from appliance.provisioning.health.checks.logs import CHECK
from appliance.provisioning.logs.forwarder import LogState
from tests.support.console_world import World
from tests.support.health_box import health_box

TOM = {"Authorization": "Bearer token-tom"}
GERMAN = {**TOM, "X-Bargebox": "de"}
LOGS = "/api/v1/logs"


@pytest.fixture
def receiver() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind(("127.0.0.1", 0))
    found.settimeout(5)
    return found


async def test_it_is_chosen_used_and_switched_off(
    world: World, client: httpx.AsyncClient, receiver: socket.socket
) -> None:
    await world.logs.begin()
    told = (await client.get(LOGS, headers=TOM)).json()
    assert (told["settings"]["transport"], told["connected"]) == ("off", False)
    body = {"transport": "udp", "server": "127.0.0.1", "port": receiver.getsockname()[1]}
    answer = await client.put(LOGS, headers=TOM, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["settings"]["facility"] == "local0"
    data = await asyncio.to_thread(receiver.recv, 4096)
    assert b'{"audit_head"' in data or b"the logs are sent" in data
    entry = world.audit.rows[-1]
    assert (entry.actor, entry.action) == ("tom", "log_forwarding_changed")
    for _ in range(100):
        told = (await client.get(LOGS, headers=TOM)).json()
        if told["sent"]:
            break
        await asyncio.sleep(0.05)
    assert (told["connected"], told["detail"], told["dropped"]) == (True, "", 0)
    metrics = (await client.get("/metrics", headers=TOM)).text
    assert "bargebox_log_server_connected 1\n" in metrics
    page = await client.get("/settings/logs", headers={**TOM, "Accept": "text/html"})
    assert "Sending." in page.text
    await client.put(LOGS, headers=TOM, json={"transport": "off"})
    assert "bargebox_log_server_connected 0\n" in (await client.get("/metrics", headers=TOM)).text
    await world.logs.stop()
    receiver.close()


async def test_a_test_line(client: httpx.AsyncClient, receiver: socket.socket) -> None:
    body = {"transport": "udp", "server": "127.0.0.1", "port": receiver.getsockname()[1]}
    answer = await client.post(f"{LOGS}/test", headers=TOM, json=body)
    told = answer.json()
    assert (told["encrypted"], told["acknowledged"]) == (False, False)
    data = await asyncio.to_thread(receiver.recv, 4096)
    assert data.endswith(f"Bargebox test line {told['line']}".encode())
    port = receiver.getsockname()[1]
    receiver.close()
    refused = await client.post(f"{LOGS}/test", headers=TOM, json={**body, "port": port})
    assert (refused.status_code, refused.json()["code"]) == (409, "log_server")
    off = await client.post(f"{LOGS}/test", headers=TOM, json={"transport": "off"})
    assert list(off.json()["fields"]) == ["transport"]


async def test_what_is_wrong_is_told_in_their_language(client: httpx.AsyncClient) -> None:
    for body, name, words in (
        ({"transport": "tls"}, "server", "Das wird gebraucht."),
        ({"transport": "tls", "server": "no host"}, "server", "Das ist kein Domänenname"),
    ):
        answer = await client.put(LOGS, headers=GERMAN, json=body)
        assert answer.status_code == 422
        assert answer.json()["told"]["fields"][name].startswith(words)


async def test_why_nothing_is_sent_is_told_in_their_language(
    world: World, client: httpx.AsyncClient, receiver: socket.socket
) -> None:
    port = receiver.getsockname()[1]
    receiver.close()
    body = {"transport": "tcp", "server": "127.0.0.1", "port": port}
    answer = await client.post(f"{LOGS}/test", headers=GERMAN, json=body)
    why = f"Der Log-Server 127.0.0.1, TCP {port} ist nicht erreichbar: "
    assert answer.json()["told"]["detail"].startswith(why)
    english = answer.json()["detail"]
    german = read_languages(Path(__file__).parents[2] / "web/locale")["de"]
    finding = german.of(f"The logs have not been sent for a while. {english}")
    assert finding is not None
    assert why in finding
    await world.logs.begin()
    await client.put(LOGS, headers=TOM, json=body)
    async with asyncio.timeout(5):
        while not world.logs.state.detail:
            await asyncio.sleep(0.05)
    wanted = {**TOM, "Accept": "text/html", "Accept-Language": "de"}
    assert why in (await client.get("/settings/logs", headers=wanted)).text
    await world.logs.stop()


async def test_settings_that_cannot_be_used_are_told_and_send_nothing(
    world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = world.logs._file._path
    await asyncio.to_thread(file.write_text, "{")
    await world.logs.begin()
    told = (await client.get(LOGS, headers=TOM)).json()
    assert (told["settings"]["transport"], told["connected"]) == ("off", False)
    assert told["fault"].startswith("What was saved of the log server cannot be used")
    assert await asyncio.to_thread(file.read_text) == "{"
    wanted = {**TOM, "Accept": "text/html", "Accept-Language": "de"}
    shown = (await client.get("/settings/logs", headers=wanted)).text
    assert "Speichern Sie es auf der Seite „Log-Server“ neu." in shown
    async with health_box(tmp_path) as here:
        looked_at = replace(here.box, logs=lambda: world.logs.state)
        (finding,) = await CHECK.look(looked_at)
        assert (finding.code, finding.words) == ("log_settings_damaged", told["fault"])
        answer = await client.put(LOGS, headers=TOM, json={"transport": "off"})
        assert (answer.status_code, answer.json()["fault"]) == (200, "")
        assert await CHECK.look(looked_at) == []
    assert "„Log-Server“ neu" not in (await client.get("/settings/logs", headers=wanted)).text
    await world.logs.stop()
    await world.logs.begin()
    assert world.logs.state == LogState()
    await world.logs.stop()


async def test_a_server_that_is_away_for_long_is_a_finding(tmp_path: Path) -> None:
    async with health_box(tmp_path) as here:
        now, state = datetime.now(UTC), LogState()

        async def codes() -> list[str]:
            box = replace(here.box, logs=lambda: state)
            return [finding.code for finding in await CHECK.look(box)]

        assert await codes() == []
        state = LogState(away_since=now - timedelta(minutes=5), detail="It does not answer.")
        assert await codes() == []
        state = replace(state, away_since=now - timedelta(minutes=11))
        (finding,) = await CHECK.look(replace(here.box, logs=lambda: state))
        assert finding.words.endswith("for a while. It does not answer.")
        state = LogState(connected=True, dropped=7, dropped_at=now - timedelta(minutes=1))
        assert await codes() == ["log_lines_lost"]
        state = replace(state, dropped_at=now - timedelta(hours=2))
        assert await codes() == []
