"""Uploads over real HTTP in front of the real RAUC: long, slow, cut short; and progress told."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from appliance.console.connection import LIMITS, Stage
from tests.support.console_served import Served
from tests.support.rauc_box import RaucBox, until
from tests.support.updates_world import served_updates

TOM = {"Authorization": "Bearer token-tom"}
SAM = {"Authorization": "Bearer token-sam"}
BUNDLE = "/api/v1/updates/bundle"


@pytest.fixture
def server(box: RaucBox, tmp_path: Path) -> Iterator[Served]:
    with served_updates(box, tmp_path) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "updates"


@pytest.fixture
async def tom(server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, headers=TOM, timeout=30) as client:
        yield client


def operation(server: Served) -> str:
    return server.do(lambda: server.world.system.updates.progress.operation)


class Raw:
    """An upload that is sent by hand."""

    def __init__(self, server: Served, length: int, path: str = BUNDLE) -> None:
        address = urlsplit(server.url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=20)
        head = f"POST {path} HTTP/1.1\r\nHost: box\r\nContent-Length: {length}\r\n"
        self.send(f"{head}Authorization: {TOM['Authorization']}\r\n\r\n".encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def status(self) -> int:
        """Of the answer; 0 where the connection was cut."""
        try:
            answer = self._socket.recv(100)
        except ConnectionError:
            return 0
        return int(answer.split()[1]) if answer else 0

    def close(self) -> None:
        self._socket.close()


async def test_a_long_file_goes_to_the_disk_and_never_into_memory(
    tom: httpx.AsyncClient, box: RaucBox, folder: Path
) -> None:
    bundle = box.bundle(size=50 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        with bundle.open("rb") as file:
            while piece := file.read(1 << 18):
                yield piece

    length = {"Content-Length": str(bundle.stat().st_size)}
    tracemalloc.start()
    answer = await tom.post(f"{BUNDLE}?name=a.raucb", content=pieces(), headers=length)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["bundle"]["name"]) == (200, "a.raucb")
    assert peak < 12 << 20
    assert (folder / "upload.raucb").read_bytes() == bundle.read_bytes()
    answer = await tom.post("/api/v1/updates/install", json={})
    assert answer.json()["progress"]["operation"] == "installing"
    async with asyncio.timeout(30):
        while not (outcome := (await tom.get("/api/v1/updates")).json()["progress"]["outcome"]):
            await asyncio.sleep(0.05)
    assert outcome["installed"]
    assert len(box.slot(1)) > 50 << 20
    assert list(folder.iterdir()) == []


async def test_a_slow_upload_has_time_and_one_that_stops_has_not(
    server: Served, box: RaucBox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, Stage.RECEIVING, 0.6)
    data = box.bundle().read_bytes()
    raw = Raw(server, len(data))
    began = time.monotonic()
    for start in range(0, len(data), len(data) // 8 + 1):
        raw.send(data[start : start + len(data) // 8 + 1])
        await asyncio.sleep(0.3)
    assert time.monotonic() - began > 2 * 0.6
    assert raw.status() == 200
    raw.close()
    raw = Raw(server, len(data))
    raw.send(data[:100_000])
    await asyncio.to_thread(until, lambda: operation(server) == "uploading")
    await asyncio.to_thread(until, lambda: operation(server) == "idle")
    assert raw.status() == 0
    raw.close()
    assert list(folder.iterdir()) == []


async def test_one_that_is_cut_leaves_nothing_and_is_no_accident(
    server: Served, box: RaucBox, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = box.bundle().read_bytes()
    raw = Raw(server, len(data))
    raw.send(data[: len(data) // 2])
    await asyncio.to_thread(until, lambda: operation(server) == "uploading")
    raw.close()
    await asyncio.to_thread(until, lambda: operation(server) == "idle")
    assert list(folder.iterdir()) == []
    assert [row for row in caplog.records if row.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        (BUNDLE, 1_024_000_001, 413),
        (BUNDLE, 0, 422),
        ("/api/v1/updates/install", 70_000, 413),
        (f"{BUNDLE}/", 70_000, 413),
    ],
)
async def test_only_the_bundle_may_be_long_and_not_without_an_end(
    server: Served, path: str, length: int, status: int
) -> None:
    raw = Raw(server, length, path)
    assert await asyncio.to_thread(raw.status) == status
    raw.close()


async def test_rauc_s_word_reaches_the_page_within_a_tenth_of_a_second(
    server: Served, box: RaucBox, tom: httpx.AsyncClient
) -> None:
    """From RAUC's signal, as another on the bus hears it, to the event at a client."""
    heard: dict[str, float] = {}
    told: dict[str, float] = {}

    def hear(message: Message) -> None:
        if message.member == "PropertiesChanged" and "Progress" in message.body[1]:
            heard.setdefault(message.body[1]["Progress"].value[1], time.monotonic())

    watcher = await MessageBus(box.address).connect()
    rule = "type='signal',interface='org.freedesktop.DBus.Properties'"
    bus = "org.freedesktop.DBus"
    await watcher.call(
        Message(bus, "/org/freedesktop/DBus", bus, "AddMatch", signature="s", body=[rule])
    )

    async def listen() -> None:
        async with tom.stream("GET", "/api/v1/events") as stream:
            event = ""
            async for line in stream.aiter_lines():
                key, _, value = line.partition(": ")
                if key == "event":
                    event = value
                    if event == "snapshot":
                        ready.set()
                elif key == "data" and event == "update":
                    update = json.loads(value)
                    told.setdefault(update["words"], time.monotonic())
                    if update["outcome"]:
                        return

    ready = asyncio.Event()
    listening = asyncio.create_task(listen())
    await ready.wait()
    await tom.post(BUNDLE, content=box.bundle(size=3 << 20).read_bytes())
    watcher.add_message_handler(hear)
    told.clear()
    await tom.post("/api/v1/updates/install", json={})
    async with asyncio.timeout(20):
        await listening
    watcher.disconnect()
    late = [told[words] - when for words, when in heard.items() if words in told]
    # Those that come together are told by the newest.
    assert len(late) >= 3, (heard, told)
    assert max(late) < 0.1


async def test_who_does_not_look_after_the_box_hears_nothing(server: Served, box: RaucBox) -> None:
    async def first(who: dict[str, str]) -> dict[str, object]:
        async with (
            httpx.AsyncClient(base_url=server.url, headers=who) as client,
            client.stream("GET", "/api/v1/events") as stream,
        ):
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    found: dict[str, object] = json.loads(line[6:])
                    return found
        raise AssertionError

    assert (await first(SAM))["update"] is None
    update = (await first(TOM))["update"]
    assert isinstance(update, dict)
    assert update["operation"] == "idle"
