"""DNS rebinding: the box answers under its own names only, as real HTTP shows."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from appliance.console.own_names import OwnNames
from appliance.console.settings import ConsoleSettings
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served, served
from tests.support.console_world import make_world

BEARER = {"Authorization": "Bearer token-sam"}
OWN = [
    "127.0.0.1",
    "127.0.0.1:8080",
    "192.0.2.7:443",
    "[::1]:8080",
    "[fe80::1]",
    "localhost",
    "LocalHost:1",
    "localhost.",
    "desk-7",
    "DESK-7.local:8080",
    "desk-7-2.local",
    "desk-7.office.example",
    "bargebox.example.org",
]
FOREIGN = [
    "",
    ":8080",
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "desk-7.evil.example",
    "desk-8.local",
    "desk-7-2.evil.local",
    "desk-7-x.local",
    "evil.example:desk-7",
    "evil.example@desk-7",
    "desk-7, evil.example",
    "desk-7:80:80",
    "desk-7:port",
    "1.2.3",
    "0x7f.1",
    "::1",
    "[desk-7]",
    "[::1]evil.example",
    "[::1",
    "[127.0.0.1]",
    "\xff",
]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk-7.office.example")


@pytest.fixture
def names() -> OwnNames:
    return OwnNames(["Bargebox.example.org"])


@pytest.mark.parametrize("host", OWN)
def test_its_own_names(names: OwnNames, host: str) -> None:
    assert names.has(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_names(names: OwnNames, host: str) -> None:
    assert not names.has(host)


def test_a_machine_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "")
    names = OwnNames()
    assert names.has("localhost")
    assert not names.has("")
    assert not names.has(".")


@pytest.mark.parametrize("name", ["*.example.org", "box:80", "", "a..b", "http://box", "x" * 254])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names"):
        ConsoleSettings.model_validate({"names": [name]})


@pytest.fixture
def server() -> Iterator[Served]:
    with served(make_world(), names=["bargebox.example.org"]) as server:
        yield server


def ask(
    server: Served, method: str, path: str, host: str, body: object = None
) -> tuple[int, Any, str]:
    """Status, JSON and cookie of a request with this ``Host`` and a supervisor's token."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    try:
        headers = {
            **BEARER,
            "Host": host,
            "Origin": f"http://{host}",
            "Content-Type": "application/json",
        }
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.getheader("Set-Cookie", "")
    finally:
        connection.close()


def test_a_rebound_name_reaches_nothing(server: Served) -> None:
    volume = server.world.monitoring.box.volume
    signed_in = {"user": "sam", "password": PASSWORD}
    for method, path, body in (
        ("GET", "/api/v1/interactions", None),
        ("GET", "/api/v1/events", None),
        ("GET", "/sign-in", None),
        ("GET", "/static/icon.svg", None),
        ("GET", "/healthz/", None),
        ("POST", "/api/v1/session", signed_in),
        ("PUT", "/api/v1/device/volume", {"percent": 1}),
        ("PUT", "/api/v1/device/volume", {"percent": "x" * 70_000}),
    ):
        status, answer, cookie = ask(server, method, path, "evil.example:8080", body)
        assert (status, answer["code"], cookie) == (421, "foreign_host", ""), path
        assert "console.names" in answer["detail"]
    assert server.world.monitoring.box.volume == volume


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::7]:443", "desk-7.local", OWN[-1]])
def test_its_own_names_reach_everything(server: Served, host: str) -> None:
    status, answer, _ = ask(server, "PUT", "/api/v1/device/volume", host, {"percent": 7})
    assert (status, answer["volume"]) == (200, 7)


def test_whether_it_is_alive_is_told_to_every_name(server: Served) -> None:
    assert ask(server, "GET", "/healthz", "probe.example")[:2] == (200, {"status": "ok"})


def test_a_request_without_a_host_is_refused(server: Served) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), 20) as connection:
        connection.sendall(b"GET /api/v1/session HTTP/1.0\r\n\r\n")
        with connection.makefile("rb") as answer:
            assert answer.readline().split()[1] == b"421"
