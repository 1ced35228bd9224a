"""Documents that are wrong somewhere: refused whole, with the line and the field named."""

from __future__ import annotations

import asyncio
import tempfile
import tomllib
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.monitoring.passwords import Passwords
from appliance.provisioning.site_file.erasing import ERASED, secret_places, without
from appliance.provisioning.site_file.errors import SiteFileError
from appliance.provisioning.site_file.lines import line_of
from appliance.provisioning.site_file.reading import read_text
from tests.support.site_box import SiteBox, example

Where = tuple[str | int, ...]

TEXT = example().replace('{ file = "page.pem" }', '"P"').replace('{ file = "page.key" }', '"K"')
TEXT = TEXT.replace('{ file = "root.pem" }', '"R"')
DATA = tomllib.loads(TEXT)
FREE = {"file"}


def places(value: Any, where: Where = ()) -> list[Where]:
    """Of every table, list and value."""
    found = [where] if where else []
    if isinstance(value, dict):
        found += [one for name, inner in value.items() for one in places(inner, (*where, name))]
    if isinstance(value, list):
        found += [one for n, inner in enumerate(value) for one in places(inner, (*where, n))]
    return found


def at(data: Any, where: Where) -> Any:
    for step in where:
        data = data[step]
    return data


PLACES = places(DATA)
TABLES = [(), *(where for where in PLACES if isinstance(at(DATA, where), dict))]
TABLES.remove(("accounts", 0, "agent_ids"))  # any platform may be named there
OUT_OF_RANGE: dict[Where, list[Any]] = {
    ("box", "name"): ["", "-a", "a..b", "x" * 65, "10.0.0.1", "localhost", "ä"],
    ("box", "description"): ["x" * 65, "a\x07b"],
    ("box", "time_zone"): ["", "x" * 65],
    ("time", "servers", 0): ["a b", "0.0.0.0", "x" * 300],
    ("time", "servers"): [["a", "a"], [f"s{n}" for n in range(9)]],
    ("network", "device"): ["x" * 16],
    ("network", "ipv4", "method"): ["automatic", "DHCP"],
    ("network", "ipv4", "addresses", 0): ["192.0.2.10", "192.0.2.300/24", "192.0.2.0/24", "::1/64"],
    ("network", "ipv4", "gateway"): ["192.0.3.1", "192.0.2.10", "x"],
    ("network", "ipv4", "dns_servers", 0): ["224.0.0.1", "dns.example.org"],
    ("network", "ipv6", "method"): ["dhcp"],
    ("network", "access", "method"): ["md5"],
    ("certificate", "pem"): ["x" * 70_000],
    ("platform", "driver"): ["", "zoom"],
    ("platform", "janus", "url"): ["http://janus.example.org", "wss://a b", ""],
    ("administrator", "password"): ["short", "x" * 201],
    ("roles", 0, "name"): ["", "a/b", "x" * 65, "bargebox"],
    ("roles", 0, "permissions", 0): ["FLY", ""],
    ("accounts", 0, "name"): ["", "a/b", "panel"],
    ("accounts", 0, "password"): ["short", "x" * 201],
    ("accounts", 0, "agent_ids", "janus"): [["x" * 201], [str(n) for n in range(60)]],
    ("site", "confirmation"): ["x" * 2001, "a\x07b"],
    ("site", "reasons", 0): ["", " ", "x" * 201],
    ("site", "barge_limit_s"): [-1, 3601, 1e9],
    ("site", "history_shown"): [-1, 10_001, 1.5],
    ("site", "audit_keep_days"): [-1, 36_501],
    ("headset", "choice"): ["card:0", "usb-port:x", "usb-serial:", "x" * 201],
    ("logs", "transport"): ["", "TLS", "relp"],
    ("logs", "server"): ["a b", "0.0.0.0", "x" * 300],
    ("logs", "port"): [-1, 65_536, 1.5],
    ("logs", "facility"): ["", "local8", "kern"],
    ("logs", "lines"): ["", "some"],
    ("openid", "label"): ["", "x" * 41],
    ("openid", "issuer"): ["http://id.example.org", "https://a b", "https://id.example.org?x=1"],
    ("openid", "client_id"): ["x" * 257],
    ("openid", "client_secret"): ["x" * 1001],
    ("openid", "scopes"): ["a\nb", 'a"b', "x" * 401],
    ("openid", "name_claim"): ["", "x" * 201],
    ("openid", "groups_claim"): ["", "x" * 201],
    ("openid", "roles", 0, "group"): ["", "x" * 257],
    ("openid", "roles", 0, "role"): ["", "x" * 65],
    ("openid", "roles"): [[{"group": f"g{n}", "role": "Supervisor"} for n in range(101)]],
    ("panel", "board"): ["", "../x", "A", "x" * 65],
}  # fmt: skip


def other_kinds(value: Any) -> list[Any]:
    """Values of another kind than the one that is right."""
    if isinstance(value, bool):
        return ["true", 1, [], {"x": 1}]
    if isinstance(value, int | float):
        return ["1", True, [1], {"x": 1}]
    if isinstance(value, str):
        return [1, True, 1.5, ["x"], {"x": "y"}, tomllib.loads("d = 2026-01-01")["d"]]
    if isinstance(value, list):
        return ["x", 1, True, {"x": 1}]
    return ["x", 1, True, ["x"]]


@st.composite
def wrong(draw: st.DrawFn) -> tuple[dict[str, Any], Where]:
    """The example with one thing wrong in it, and where."""
    data, kind = deepcopy(DATA), draw(st.sampled_from(["kind", "unknown", "range"]))
    if kind == "unknown":
        table = draw(st.sampled_from(TABLES))
        name = draw(st.from_regex(r"[a-z]{1,12}", fullmatch=True).map(lambda n: f"un{n}known"))
        at(data, table)[name] = draw(st.sampled_from(["x", 1, True, ["x"]]))
        return data, (*table, name)
    if kind == "range":
        where = draw(st.sampled_from(sorted(OUT_OF_RANGE, key=str)))
        value = draw(st.sampled_from(OUT_OF_RANGE[where]))
    else:
        where = draw(st.sampled_from(PLACES))
        value = draw(st.sampled_from(other_kinds(at(data, where))))
    at(data, where[:-1])[where[-1]] = value
    return data, where


def refusal(text: str) -> SiteFileError:
    with pytest.raises(SiteFileError) as refused:
        read_text(text)
    return refused.value


def test_the_example_of_the_documentation_is_right_as_it_stands() -> None:
    document = read_text(TEXT).document
    left_out = {name for name in type(document).model_fields if not getattr(document, name)}
    assert left_out == {"sealed"}


@given(wrong())
@settings(max_examples=400, deadline=None)
def test_one_wrong_value_refuses_all_and_its_field_and_line_are_named(
    made: tuple[dict[str, Any], Where],
) -> None:
    data, where = made
    text = tomlkit.dumps(data)
    error = refusal(text)
    name = ".".join(map(str, where))
    told = [fault for fault in error.faults if name.startswith(fault.field) or
            fault.field.startswith(name)]  # fmt: skip
    assert told, (name, error.faults)
    (first, *_) = told
    assert first.words
    assert "Nothing was changed." in error.detail
    assert first.line is not None
    line = text.splitlines()[first.line - 1]
    words = [str(step) for step in where if isinstance(step, str)]
    assert any(word in line for word in words) or str(at(data, where)) in line, (line, where)


SPOILT = ["= 1", "[unclosed", 'name = "open', "[box]]", "name = 1 2", "a.b. = 1", "\x00", "x"]


@given(st.sampled_from(SPOILT), st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_no_toml_is_told_by_its_line(spoilt: str, data: st.DataObject) -> None:
    lines = TEXT.splitlines()
    number = data.draw(st.integers(0, len(lines)))
    error = refusal("\n".join([*lines[:number], spoilt, *lines[number:]]))
    (fault,) = error.faults
    assert fault.words.startswith("This is not TOML: ")
    # What a wrong line opens may only be missed further down.
    assert fault.line is not None
    assert number + 1 <= fault.line <= len(lines) + 2


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_document_or_refused(text: str) -> None:
    with suppress(SiteFileError):
        read_text(text)


@pytest.mark.parametrize("text", ["[" * 5000, "a = " + "[" * 5000, "a = " + "{a = " * 3000])
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    assert refusal(text).faults


@given(wrong())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_wrong_document_changes_nothing_of_a_box(made: tuple[dict[str, Any], Where]) -> None:
    text = tomlkit.dumps(made[0])

    async def scenario(folder: Path) -> None:
        box = await asyncio.to_thread(SiteBox, folder)
        before = await box.document(secrets=True)
        path = await asyncio.to_thread(box.put, text)
        assert not await box.start()
        assert await asyncio.to_thread(path.read_text) == text
        assert "REFUSED" in await asyncio.to_thread(box.report)
        assert await box.document(secrets=True) == before

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


def test_each_value_of_the_example_is_found_in_its_line() -> None:
    lines = TEXT.splitlines()
    for where in PLACES:
        line = line_of(TEXT, where)
        assert line is not None
        words = [step for step in where if isinstance(step, str)]
        assert any(word in lines[line - 1] for word in words), (where, lines[line - 1])
    assert line_of(TEXT, ("box", "name")) == 1 + next(
        number for number, line in enumerate(lines) if line.startswith("name = ")
    )


@pytest.mark.parametrize(
    "text",
    [
        'administrator = { password = "ten characters" }\n',
        'administrator.password = "ten characters" # so\n',
        '[administrator]\npassword = """ten\ncharacters"""\n',
        "[administrator]\r\npassword = 'ten characters'\r\n",
    ],
)
def test_a_secret_is_erased_however_it_is_written(text: str) -> None:
    document = read_text(text).document
    erased = without(text, [*secret_places(document)])
    assert "characters" not in erased
    assert tomllib.loads(erased) == {"administrator": {"password": ERASED}}
    assert without(erased, []) == erased
    given_again = read_text(erased).document
    assert given_again.administrator is not None
    assert given_again.administrator.password is None


@pytest.mark.parametrize("costs", ["m=99999,t=9,p=9", "m=19456,t=9,p=1", "m=1,t=0,p=1", "m=,t=,p="])
async def test_a_hash_that_costs_more_or_that_nobody_can_compare_with_is_refused(
    costs: str,
) -> None:
    hashed = f"$argon2id$v=19${costs}${'YWFh' * 5}A${'YWFh' * 10}A"
    text = '[[accounts]]\nname = "Sam"\nrole = "Supervisor"\n'
    with pytest.raises(SiteFileError) as refused:
        await asyncio.to_thread(read_text, f'{text}password_hash = "{hashed}"\n')
    assert [(fault.field, fault.line) for fault in refused.value.faults] == [
        ("accounts.0.password_hash", 4)
    ]
    passwords = Passwords()
    if "m=1," in costs:  # a database that holds one all the same: that account stays closed
        assert not await passwords.match(hashed, "any password")
    await passwords.close()


@pytest.mark.parametrize(
    "name", ["a." * 100_000 + "a", '"a".' * 50_000 + "a", "[" + "a." * 100_000 + "a]\nb"]
)
async def test_a_name_of_very_many_parts_keeps_nobody_waiting(name: str) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(SiteFileError, match="Line 2, file: A name in it has too many parts"):
            await asyncio.to_thread(read_text, f"# one\n{name} = 1\n")


async def test_dots_in_a_text_are_no_parts_of_a_name() -> None:
    text = f'[site]\nconfirmation = "Go on{"." * 60}" # {"." * 60}\n'
    given = await asyncio.to_thread(read_text, text)
    assert given.document.site is not None
