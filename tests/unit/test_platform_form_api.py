"""The platform's settings through the API: read without secrets, tested, saved, taken back."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.console.platform_choice import choose
from appliance.monitoring.audit import AuditUnwritableError
from appliance.platforms.protocol import Check
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.platform_file import MAX_BYTES, PlatformFile, PlatformFileError
from tests.support.console_world import TOKEN, World
from tests.unit.test_platform_settings import FULL, SECRET

ADMIN = {"Authorization": "Bearer token-admin"}
TOM = {"Authorization": "Bearer token-tom"}
HERE = "/api/v1/platform/settings"
CHECK = "/api/v1/platform/check"
JANUS = {"driver": "janus", "janus": {"url": "wss://janus.example.org", "room_pin": SECRET}}


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Tom, a technician, at the API."""
    client.headers.update(TOM)
    return client


async def put(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    return await client.put(HERE, json=body)


async def test_saving_puts_on_record_keeps_and_begins_anew(
    world: World, client: httpx.AsyncClient
) -> None:
    before = (await client.get(HERE)).json()
    assert (before["origin"], before["settings"]["driver"]) == ("file", "sandbox")
    assert before["secrets_set"] == ["sandbox.token"]
    answer = await put(client, JANUS)
    assert answer.status_code == 200
    assert answer.json()["settings"]["janus"]["url"] == "wss://janus.example.org"
    after = (await client.get(HERE)).json()
    assert (after["origin"], after["settings"]["driver"]) == ("page", "janus")
    assert after["secrets_set"] == ["sandbox.token", "janus.room_pin"]
    assert after["restarting"] is False
    assert world.choice.lives == 2
    row = world.audit.rows[-1]
    assert (row.actor, row.action) == ("tom", "platform_changed")
    detail = json.loads(row.detail)
    assert (detail["before"], detail["driver"]) == ("sandbox", "janus")
    assert detail["changed"] == ["url", "room_pin"]
    assert SECRET not in row.detail


async def test_going_back_forgets_what_was_chosen(world: World, client: httpx.AsyncClient) -> None:
    await put(client, JANUS)
    assert (await client.delete(HERE)).status_code == 200
    back = (await client.get(HERE)).json()
    assert (back["origin"], back["settings"]["driver"]) == ("file", "sandbox")
    assert world.choice.file.kept is None
    assert world.audit.rows[-1].action == "platform_reset"


async def test_no_secret_leaves_the_box(world: World, client: httpx.AsyncClient) -> None:
    world.choice.file.kept = FULL
    world.choice._renewed()
    wrong = {"sandbox": {"url": SECRET, "token": [SECRET], "nonsense": SECRET}}
    moved = {"sandbox": {"url": "wss://elsewhere.example.org"}}
    answers = [
        await client.get(HERE),
        await client.get("/settings/platform"),
        await client.get("/api/v1/openapi.json"),
        await put(client, wrong),
        await put(client, moved),
        await client.post(CHECK, json=wrong),
        await client.post(CHECK, json={"driver": "janus"}),
        await client.post(CHECK),
        await put(client, {"driver": "janus"}),
        await client.delete(HERE),
        await client.get("/api/v1/audit", headers=ADMIN),
    ]
    assert [answer.status_code for answer in answers] == [200] * 3 + [422] * 3 + [200] * 5
    for answer in answers:
        assert SECRET not in answer.text, answer.url


async def test_every_wrong_field_is_named_in_words(client: httpx.AsyncClient) -> None:
    answer = await put(
        client,
        {
            "driver": "asterisk",
            "asterisk": {
                "url": "pbx",
                "endpoint": "two words",
                "request_timeout": "soon",
                "retry_first": 0,
                "retry_longest": 601,
                "user": "",
                "agents": [{"endpoint": "a"}, {"name": "Bob"}],
                "colour": "red",
            },
            "cxengage": {"voice_urls": ["ws://elsewhere.example.org"], "token_ttl": 1.5},
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["fields"] == {
        "asterisk.url": "The address begins with http:// or https://.",
        "asterisk.endpoint": "This has characters that cannot be here, or is too long.",
        "asterisk.request_timeout": "This must be a number, such as 2.5.",
        "asterisk.retry_first": "This must be more than 0.",
        "asterisk.retry_longest": "This must be 600 or less.",
        "asterisk.user": "This is needed.",
        "asterisk.agents.1.endpoint": "This is needed.",
        "asterisk.colour": "There is no such setting.",
        "cxengage.voice_urls.0": "The address begins with wss://.",
        "cxengage.token_ttl": "This must be a whole number.",
    }
    answer = await put(client, {"driver": "teams"})
    assert answer.json()["fields"]["driver"].startswith("This must be 'sandbox'")


async def test_a_secret_does_not_follow_to_another_address(
    world: World, client: httpx.AsyncClient
) -> None:
    body: dict[str, dict[str, str]] = {"sandbox": {"url": "wss://attacker.example.org"}}
    for answer in (await put(client, body), await client.post(CHECK, json=body)):
        assert (answer.status_code, answer.json()["code"]) == (422, "secret_needed")
        assert list(answer.json()["fields"]) == ["sandbox.token"]
    assert world.choice.made == []
    body["sandbox"]["token"] = SECRET
    assert (await put(client, body)).status_code == 200


async def test_in_a_call_it_is_refused_and_nothing_changes(
    world: World, client: httpx.AsyncClient
) -> None:
    await world.monitoring.monitor(world.accounts.accounts["sam"], "call-00001")
    rows = len(world.audit.rows)
    for answer in (await put(client, JANUS), await client.delete(HERE)):
        assert (answer.status_code, answer.json()["code"]) == (409, "busy")
    assert (world.choice.file.kept, world.choice.lives) == (None, 1)
    assert len(world.audit.rows) == rows
    assert (await client.post(CHECK, json=JANUS)).status_code == 200


@pytest.mark.parametrize("part", ["audit", "file"])
async def test_what_cannot_be_written_is_not_done(
    world: World, client: httpx.AsyncClient, part: str
) -> None:
    if part == "audit":
        world.audit.fail_with = AuditUnwritableError("The disk is full.")
    else:
        world.choice.file.fault = PlatformFileError("The platform cannot be saved.")
    answer = await put(client, JANUS)
    assert answer.status_code == 503
    assert (world.choice.lives, world.choice.restarting, world.monitoring.closed) == (
        1,
        False,
        False,
    )
    assert world.choice.now.settings.driver == "sandbox"


# -- the test


async def test_the_driver_in_use_tests_its_own_settings(
    world: World, client: httpx.AsyncClient
) -> None:
    bodies: list[dict[str, Any] | None] = [None, {}, (await client.get(HERE)).json()["settings"]]
    for body in bodies:
        answer = await client.post(CHECK, json=body)
        assert (answer.json()["platform"], answer.json()["passed"]) == ("sandbox", False)
    assert world.choice.made == []


async def test_other_settings_are_tested_before_they_are_saved(
    world: World, client: httpx.AsyncClient
) -> None:
    world.choice.other.checks = (Check("address", passed=True, detail="It answers."),)
    answer = await client.post(CHECK, json=JANUS)
    assert answer.json() == {
        "platform": "janus",
        "passed": True,
        "steps": [{"step": "address", "passed": True, "detail": "It answers."}],
    }
    (made,) = world.choice.made
    assert made.janus.room_pin.get_secret_value() == SECRET
    assert made.sandbox.token.get_secret_value() == TOKEN
    assert (world.choice.file.kept, world.choice.lives) == (None, 1)


async def test_one_test_at_a_time(world: World, client: httpx.AsyncClient) -> None:
    async with world.choice._checking:
        answer = await client.post(CHECK, json=JANUS)
    assert (answer.status_code, answer.json()["code"]) == (429, "busy")


# -- the file


def test_what_was_chosen_is_for_this_user_only(tmp_path: Path) -> None:
    file = PlatformFile(tmp_path / "platform.json")
    assert choose(file, FULL).origin == "file"
    file.write(FULL)
    assert (tmp_path / "platform.json").stat().st_mode & 0o777 == 0o600
    chosen = choose(file, PlatformSettings())
    assert (chosen.settings, chosen.origin, chosen.fault) == (FULL, "page", "")
    file.delete()
    file.delete()
    assert choose(file, PlatformSettings()).origin == "file"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\x00", "is not right"),
        (b'{"driver": "janus", "janus": {"room_pin": ["hunter2"]}}', "janus.room_pin: This must"),
        (b'{"colour": "hunter2"}', "colour: There is no such setting"),
        (b" " * (MAX_BYTES + 1), "is larger than"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_the_other_one_used(
    tmp_path: Path, content: bytes | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "platform.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        chosen = choose(PlatformFile(path), FULL)
    assert (chosen.settings, chosen.origin) == (FULL, "file")
    assert words in chosen.fault
    assert chosen.fault in caplog.text
    assert "hunter2" not in caplog.text


def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    file = PlatformFile(tmp_path / "missing" / "platform.json")
    with pytest.raises(PlatformFileError, match=r"cannot be saved to .*: No such file"):
        file.write(FULL)
    (tmp_path / "folder").mkdir()
    with pytest.raises(PlatformFileError, match="cannot be deleted"):
        PlatformFile(tmp_path / "folder").delete()
