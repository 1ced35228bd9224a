"""Strangers over TLS, which reads ahead, writes late and hides the other side's end."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from appliance.console.connection import LIMITS, Stage
from appliance.monitoring.policy import Account
from tests.support.console_served import Served, served
from tests.support.console_world import make_world

BEARER = {"Authorization": "Bearer token-sam"}
GARBAGE = b"\x00\xff\r\n\r\n"
EVENTS = (
    b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer token-sam\r\n\r\n"
)


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[Served]:
    cert, key = certificate
    with served(make_world(), max_event_clients=4, tls_certificate=cert, tls_key=key) as server:
        yield server


def connect(server: Served, trust: ssl.SSLContext) -> ssl.SSLSocket:
    address = urlsplit(server.url)
    raw = socket.create_connection((address.hostname, address.port), 20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return trust.wrap_socket(raw, server_hostname="127.0.0.1")


def visitors(server: Served) -> int:
    return server.do(lambda: len(server.app.state.console.visitors))


def all_gone(server: Served) -> bool:
    until = time.monotonic() + 20
    while visitors(server) and time.monotonic() < until:
        time.sleep(0.02)
    return visitors(server) == 0


@pytest.mark.parametrize("ahead_s", [0.004, 0.012, 0.03])
def test_garbage_behind_a_request_and_a_half_close_is_no_accident(
    server: Served,
    trust: ssl.SSLContext,
    ahead_s: float,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that reaches the loop would end the whole process."""
    sign_in = server.world.accounts.sign_in

    async def slowly(name: str, password: str) -> Account:
        await asyncio.sleep(0.05)  # as long as a password is hashed
        return await sign_in(name, password)

    monkeypatch.setattr(server.world.accounts, "sign_in", slowly)
    for number in range(4):
        body = b'{"user": "nobody%d", "password": "wrongwrong"}' % number
        head = b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        kind = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        with connect(server, trust) as stranger, suppress(OSError):
            stranger.sendall(head + kind + body)
            time.sleep(ahead_s)
            stranger.sendall(GARBAGE)
            time.sleep(0.006)
            stranger.sendall(GARBAGE)
            socket.socket.shutdown(stranger, socket.SHUT_WR)
            time.sleep(0.3)
    assert httpx.get(f"{server.url}/healthz", verify=trust).status_code == 200
    assert all_gone(server)
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("more", [b"GET /heal", GARBAGE, b"x" * 40_000], ids=["part", "bad", "big"])
def test_a_stream_whose_reader_is_gone_gives_its_place_back(
    server: Served, trust: ssl.SSLContext, more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, Stage.CROWDED, 0.5)
    for _ in range(6):  # more than there are places for streams
        with connect(server, trust) as reader, suppress(OSError):
            reader.sendall(EVENTS)
            reader.sendall(more)
            socket.socket.shutdown(reader, socket.SHUT_WR)
        assert all_gone(server)
    with httpx.stream("GET", f"{server.url}/api/v1/events", headers=BEARER, verify=trust) as events:
        assert events.status_code == 200
