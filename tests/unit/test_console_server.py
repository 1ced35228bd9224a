"""Serving: plain and over TLS, a taken port, and a stop that waits for no stream."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from appliance.console import door
from appliance.console.server import serve
from appliance.console.settings import ConsoleError, ConsoleSettings
from appliance.console.visitors import SPARE
from tests.support.console_memory import PASSWORD
from tests.support.console_served import served
from tests.support.console_world import make_world

BEARER = {"Authorization": "Bearer token-sam"}


def test_over_tls(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    with served(make_world(), tls_certificate=cert, tls_key=key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=server.url, verify=trust) as client:
            body = {"user": "sam", "password": PASSWORD}
            answer = client.post("/api/v1/session", json=body, headers={"Origin": server.url})
            assert "Secure" in answer.headers["set-cookie"]
            assert client.get("/api/v1/interactions").status_code == 200
            assert "server" not in answer.headers


def test_the_silent_at_the_door_of_tls_give_way_and_do_not_stay(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate
    trust = ssl.create_default_context(cafile=str(cert))
    with (
        served(make_world(), max_event_clients=1, tls_certificate=cert, tls_key=key) as server,
        ExitStack() as held,
    ):
        address = urlsplit(server.url)
        visitors = server.app.state.console.visitors

        def knock() -> socket.socket:
            return held.enter_context(socket.create_connection((address.hostname, address.port)))

        for _ in range(SPARE + 50):
            knock()
        assert httpx.get(f"{server.url}/api/v1/interactions", headers=BEARER, verify=trust).json()
        # With the one that asked, or without it when it is seen to have gone.
        assert server.do(lambda: len(visitors)) in (SPARE, SPARE + 1)
        monkeypatch.setattr(door, "HANDSHAKE_S", 0.2)
        late = knock()
        late.settimeout(20)
        assert late.recv(1) == b""


def test_an_open_stream_does_not_hold_the_stop_up() -> None:
    with served(make_world()) as server:
        client = httpx.Client(base_url=server.url, timeout=20)
        request = client.build_request("GET", "/api/v1/events", headers=BEARER)
        answer = client.send(request, stream=True)
        assert next(answer.iter_lines()) == "retry: 500"
        before = time.monotonic()
    assert time.monotonic() - before < 10
    answer.close()
    client.close()


async def test_a_taken_port_is_said_in_words(app: FastAPI) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = ConsoleSettings(port=other.getsockname()[1])
        with pytest.raises(ConsoleError, match="another port") as refused:
            await serve(app, settings, asyncio.Event())
    assert refused.value.code == "address_taken"
