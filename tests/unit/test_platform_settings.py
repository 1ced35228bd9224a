"""Secrets and addresses in the platform's settings: kept, withheld, refused in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from appliance.console import platform_form
from appliance.platforms.addresses import is_address
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.drivers import make_driver
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.sandbox.settings import SandboxSettings
from appliance.platforms.settings import PlatformSettings
from appliance.platforms.withheld import (
    SecretNeededError,
    addresses_of,
    completed,
    secrets_of,
    with_secrets,
    without_secrets,
)
from appliance.provisioning.platform_file import PlatformFile, PlatformFileError

SECRET = "hunter2-hunter2"


def filled(kind: type[BaseModel]) -> dict[str, Any]:
    """A section with this secret in every place for one."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found[name] = filled(inner)
        elif inner is SecretStr:
            found[name] = SECRET
    return found


FULL = PlatformSettings.model_validate(filled(PlatformSettings))


def sections(
    of: type[BaseModel] = PlatformSettings, path: str = ""
) -> Iterator[tuple[str, type[BaseModel]]]:
    """Each section by its dotted name, sections in sections too."""
    for name, field in of.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield path + name, field.annotation
            yield from sections(field.annotation, f"{path}{name}.")


def within(section: str, fields: dict[str, Any]) -> PlatformSettings:
    """Settings with these fields in that section."""
    for name in reversed(section.split(".")):
        fields = {name: fields}
    return PlatformSettings.model_validate(fields)


def test_every_secret_is_found_and_withheld() -> None:
    written = with_secrets(FULL)
    assert written.count(SECRET) == len(list(secrets_of(FULL))) >= 9
    assert SECRET not in json.dumps(without_secrets(FULL))
    assert "password" not in without_secrets(FULL)["asterisk"]
    assert list(secrets_of(PlatformSettings())) == []


def test_the_file_holds_what_differs_from_the_defaults() -> None:
    assert PlatformSettings.model_validate_json(with_secrets(FULL)) == FULL
    mine = PlatformSettings(
        driver="asterisk",
        asterisk=AsteriskSettings.model_validate(
            {"ca_file": "/etc/ca.pem", "agents": [{"endpoint": "agent-*"}]}
        ),
    )
    assert json.loads(with_secrets(mine)) == {
        "driver": "asterisk",
        "asterisk": {"ca_file": "/etc/ca.pem", "agents": [{"endpoint": "agent-*"}]},
    }
    assert PlatformSettings.model_validate_json(with_secrets(mine)) == mine


def test_what_is_shown_can_be_given_back_as_it_is() -> None:
    back = PlatformSettings.model_validate(without_secrets(FULL))
    assert completed(back, FULL) == FULL


def test_what_is_left_out_stays_but_for_the_fields_of_a_section() -> None:
    now = FULL.model_copy(update={"sandbox": SandboxSettings(tenant="t", token=SecretStr(SECRET))})
    new = completed(PlatformSettings.model_validate({"driver": "janus", "sandbox": {}}), now)
    assert (new.driver, new.sandbox.tenant) == ("janus", "sandbox")
    assert new.sandbox.token.get_secret_value() == SECRET
    assert (new.janus, new.asterisk, new.cxengage) == (now.janus, now.asterisk, now.cxengage)


def test_a_section_within_a_section_stays_where_it_is_left_out() -> None:
    body = {"driver": "cxengage", "cxengage": {"user": "sue"}}
    new = completed(PlatformSettings.model_validate(body), FULL).cxengage
    assert (new.user, new.sip) == ("sue", FULL.cxengage.sip)


def test_an_empty_secret_is_removed_and_another_one_taken() -> None:
    body = {"janus": {"room_pin": "", "admin_key": "new"}}
    new = completed(PlatformSettings.model_validate(body), FULL).janus
    assert new.room_pin.get_secret_value() == ""
    assert new.admin_key.get_secret_value() == "new"
    assert new.api_secret.get_secret_value() == SECRET


@pytest.mark.parametrize(("section", "kind"), list(sections()))
def test_no_secret_follows_to_another_address(section: str, kind: type[BaseModel]) -> None:
    there = "wss://attacker.example.org/"
    assert addresses_of(kind)
    for name in addresses_of(kind):
        schema = kind.model_json_schema()["properties"][name]
        value: Any = [there] if schema.get("type") == "array" else there
        if "anyOf" in schema:
            value = "/tmp/ca.pem"
        elif name in {"url", "base_url", "sqs_endpoint"} and section in {"asterisk", "cxengage"}:
            value = "https://attacker.example.org/"
        elif name == "ami_url":
            value = "tls://attacker.example.org/"
        with pytest.raises(SecretNeededError) as refused:
            completed(within(section, {name: value}), FULL)
        held = {s for s in secrets_of(FULL) if s.rpartition(".")[0] == section}
        assert set(refused.value.fields) == held
        assert SECRET not in refused.value.detail
        new = {field: "new" for field, secret in filled(kind).items() if secret == SECRET}
        given = completed(within(section, {name: value, **new}), FULL)
        kept: Any = given
        for part in section.split("."):
            kept = getattr(kept, part)
        assert not any(getattr(kept, field).get_secret_value() == SECRET for field in new)


def test_every_setting_has_a_place_in_the_form() -> None:
    for part in platform_form.sections(FULL):
        assert part.about
        grouped = [field for group in part.groups for field in group.fields]
        assert all(group.title and group.help for group in part.groups)
        for field in [*part.plain, *grouped, *part.finer]:
            assert field.label
            assert field.help, field.name
            assert field.is_set is (field.control == "secret"), field.name
            assert not (field.control == "secret" and field.value), field.name
            assert not any("`" in text for text, _ in field.help), field.name
        # Nobody could tell two of the same name apart, by ear or by eye.
        for together in ([*part.plain, *part.finer], *(group.fields for group in part.groups)):
            labels = [field.label for field in together]
            assert len(set(labels)) == len(labels), labels
    with pytest.raises(ValueError, match="no control"):
        platform_form.control_of({"type": "object"}, {})


def test_secrets_are_where_the_form_can_keep_them() -> None:
    # In a row of a list nobody could tell which one an empty field stands for.
    for _, kind in sections():
        schema = kind.model_json_schema()
        for field in schema["properties"].values():
            row = schema.get("$defs", {}).get(field.get("items", {}).get("$ref", "")[8:], {})
            assert not any(one.get("writeOnly") for one in row.get("properties", {}).values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ws://",
        "ws:///path",
        "http://here",
        "WS://here",
        "ws://here:port",
        "ws://here:99999",
        "ws://here:0",
        "ws://[::1",
        "ws://user:hunter2@here",
        "ws://he re",
        "ws://here/#part",
        "ws://hëre",
        "ws://a..b",
        "ws://.",
        "ws://*",
        "ws://%41",
        "ws://{edge}",
        "ws://[v1.x]",
        "ws://[fe80::1%eth0]",
        "ws://999.999.999.999",
        "ws://" + "h" * 64,
        "ws://here\n",
        "wss://" + "x" * 300,
    ],
)
def test_an_address_that_leads_nowhere_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        JanusSettings(url=text)
    assert "hunter2" not in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "text",
    ["ws://here", "wss://a.b-c_d.example.org.:65535/x?y=%20", "ws://[::1]:1/", "ws://192.0.2.1"],
)
def test_an_address_that_may_lead_somewhere_is_taken(text: str) -> None:
    assert JanusSettings(url=text).url == text


@pytest.mark.parametrize("host", ["127.0.0.1:1/x?y=%zz", "[::1]:1", "-", "nobody.invalid"])
@pytest.mark.parametrize(
    ("driver", "section"),
    [
        ("sandbox", {"url": "ws://"}),
        ("janus", {"url": "ws://"}),
        ("janus", {"url": "wss://"}),
        ("asterisk", {"url": "http://", "ws_url": "wss://"}),
        ("asterisk", {"url": "https://", "ws_url": "ws://"}),
        ("cxengage", {"base_url": "https://"}),
    ],
)
async def test_no_driver_stumbles_over_an_address_that_is_taken(
    driver: str, section: dict[str, str], host: str
) -> None:
    given = {name: scheme + host for name, scheme in section.items()}
    settings = PlatformSettings.model_validate(
        {"driver": driver, driver: {**given, "request_timeout": 1.0}}
    )
    made = await asyncio.to_thread(make_driver, settings)
    (failed,) = await made.check()
    assert (failed.step, failed.passed) == ("address", False)
    assert failed.detail


def test_secrets_go_in_the_clear_to_this_machine_only() -> None:
    check = is_address("https", plain="http", or_empty=True)
    for good in ("", "https://x.example.org/v1/", "http://127.0.0.1:8080/", "https://[::1]:1"):
        assert check(good) == good
    for bad in ("http://x.example.org", "http://127.0.0.1.example.org", "http://localhost"):
        with pytest.raises(ValueError, match="begins with https://"):
            check(bad)


async def test_a_ca_file_that_cannot_be_one_is_said_in_words() -> None:
    for section in ("asterisk", "janus", "cxengage"):
        field = "tls_ca" if section == "janus" else "ca_file"
        url = "base_url" if section == "cxengage" else "url"
        scheme = "wss" if section == "janus" else "https"
        fields = {field: "/a\0b", url: f"{scheme}://127.0.0.1:9/"}
        platform = PlatformSettings.model_validate({"driver": section, section: fields})
        checks = await (await asyncio.to_thread(make_driver, platform)).check()
        assert not checks[-1].passed, section


def test_settings_that_the_file_could_not_be_read_from_are_not_written(tmp_path: Path) -> None:
    file = PlatformFile(tmp_path / "platform.json")
    file.write(FULL)
    agents = [{"endpoint": f"agent-{n}", "name": "x" * 80} for n in range(4000)]
    with pytest.raises(PlatformFileError, match="too long"):
        file.write(within("asterisk", {"agents": agents}))
    assert file.read() == FULL
