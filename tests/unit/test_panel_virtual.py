"""The virtual panel's socket, and the whole panel behind it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.control_link.states import Lamps as LampsMessage
from appliance.control_link.words import Button, LampPattern
from appliance.panel.errors import PanelError
from appliance.panel.panel import Panel
from appliance.panel.patterns import Lamp
from appliance.panel.settings import PanelSettings
from appliance.panel.virtual import MAX_CLIENTS, MAX_LINE
from appliance.panel.virtual_client import AsyncVirtualPanel, VirtualPanelClient
from tests.support.panel import RecordingListener


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "panel.sock"


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


@pytest.fixture
def panel(path: Path, listener: RecordingListener) -> Iterator[Panel]:
    panel = started(listener, path)
    yield panel
    panel.stop()


def eventually(holds: Callable[[], bool], timeout: float = 20.0) -> bool:
    until = time.monotonic() + timeout
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


def started(listener: RecordingListener, path: Path) -> Panel:
    panel = Panel(PanelSettings(), listener, virtual_socket=path)
    panel.start()
    return panel


def raw(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect(str(path))
    return connection


def next_error(connection: socket.socket) -> str:
    with connection.makefile("rb") as lines:
        for line in lines:
            fields = json.loads(line)
            if "error" in fields:
                return str(fields["error"])
    raise AssertionError("the connection ended without an error")


def test_a_tap_reaches_the_listener(panel: Panel, path: Path, listener: RecordingListener) -> None:
    with VirtualPanelClient(path) as client:
        before = time.monotonic()
        assert client.press(Button.MICROPHONE) >= before
        assert listener.wait_for(lambda names: "pressed" in names)
        client.release(Button.MICROPHONE)
        assert listener.wait_for(lambda names: "released" in names)
        client.tap(Button.HANG_UP)
        assert listener.wait_for(lambda names: "hang_up" in names)
    assert listener.names() == ["edge", "pressed", "released", "hang_up"]


def test_the_lamps_are_told_on_connecting_and_at_each_change(panel: Panel, path: Path) -> None:
    with VirtualPanelClient(path) as client:
        assert client.wait_for(Lamp.STATUS, LampPattern.SLOW_BLINK)
        assert client.wait_for(Lamp.MICROPHONE, LampPattern.OFF).level == 0.0
        before = time.monotonic()
        panel.show(LampPattern.ON, LampPattern.ON)
        lit = client.wait_for(Lamp.MICROPHONE, LampPattern.ON)
        assert lit.level == 1.0
        assert before <= lit.at <= time.monotonic()
        assert panel.lamps == LampsMessage(microphone=LampPattern.ON, status=LampPattern.ON)
        panel.show(LampPattern.SLOW_BREATHE)
        breath = [
            event
            for event, _ in zip(client.events(), range(30), strict=False)
            if event.pattern is LampPattern.SLOW_BREATHE
        ]
        assert breath[0].level == 0.0
        assert max(event.level for event in breath) > 0.0
        assert all(b.at - a.at >= 0.09 for a, b in pairwise(breath))
        panel.stop()
        assert client.wait_for(Lamp.MICROPHONE, LampPattern.OFF).level == 0.0
        assert client.wait_for(Lamp.STATUS, LampPattern.OFF).level == 0.0


def test_the_button_works_while_the_event_loop_is_dead(
    panel: Panel, path: Path, listener: RecordingListener
) -> None:
    """Nobody turns a loop here at all; the press arrives in the socket's own thread."""
    with VirtualPanelClient(path) as client:
        client.tap(Button.MICROPHONE)
        assert listener.wait_for(lambda names: "released" in names)
    assert listener.threads[0] == "virtual-panel"


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"",
        b"[]",
        b"[" * 900,
        b'{"button": "volume", "down": true}',
        b'{"button": "microphone", "down": 1}',
        b'{"button": "microphone", "down": true, "more": 1}',
        b"\xff\xfe",
        b"x" * (MAX_LINE + 1),
    ],
)
def test_garbage_is_answered_and_not_fatal(
    panel: Panel, path: Path, listener: RecordingListener, line: bytes
) -> None:
    with closing(raw(path)) as connection:
        connection.sendall(line + b"\n")
        assert next_error(connection)
        connection.sendall(b'{"button": "hang_up", "down": true}\n')
        assert listener.wait_for(lambda names: names == ["hang_up"])


def test_a_line_without_end_is_cut_off(panel: Panel, path: Path) -> None:
    with closing(raw(path)) as connection:
        connection.sendall(b"x" * (MAX_LINE + 1))
        assert "longer than" in next_error(connection)
        with connection.makefile("rb") as rest:
            rest.read()  # until the other side closes


def test_clients_are_bounded(panel: Panel, path: Path) -> None:
    clients = [VirtualPanelClient(path) for _ in range(MAX_CLIENTS)]
    try:
        for client in clients:
            client.wait_for(Lamp.STATUS, LampPattern.SLOW_BLINK)
        with closing(raw(path)) as connection:
            assert "Too many" in next_error(connection)
    finally:
        for client in clients:
            client.close()
    assert eventually(lambda: let_in(path)), "their places are free again"


def let_in(path: Path) -> bool:
    try:
        with VirtualPanelClient(path) as client:
            return bool(client.wait_for(Lamp.STATUS, LampPattern.SLOW_BLINK))
    except PanelError:
        return False


def test_a_client_that_does_not_read_is_dropped(
    panel: Panel, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(raw(path)) as connection, VirtualPanelClient(path) as other:
        for _ in range(200):
            for _ in range(50):
                panel.show(LampPattern.ON)
                panel.show(LampPattern.OFF)
            if "does not read" in caplog.text:
                break
            time.sleep(0.02)
        assert eventually(lambda: "does not read" in caplog.text)
        panel.show(LampPattern.SHORT_BLINK)
        assert other.wait_for(Lamp.MICROPHONE, LampPattern.SHORT_BLINK)
        with connection.makefile("rb") as rest:
            rest.read()  # up to where it was cut off


def test_a_button_is_released_when_its_finger_is_gone(
    panel: Panel, path: Path, listener: RecordingListener
) -> None:
    client = VirtualPanelClient(path)
    client.press(Button.MICROPHONE)
    assert listener.wait_for(lambda names: "pressed" in names)
    client.close()
    assert listener.wait_for(lambda names: names == ["edge", "pressed", "released"])


async def test_the_pages_finger(panel: Panel, path: Path, listener: RecordingListener) -> None:
    finger = AsyncVirtualPanel(path)
    await finger.press(Button.MICROPHONE, True)
    assert await asyncio.to_thread(listener.wait_for, lambda names: "pressed" in names)
    await finger.press(Button.MICROPHONE, False)
    assert await asyncio.to_thread(listener.wait_for, lambda names: "released" in names)
    await finger.tap(Button.HANG_UP, ms=20)
    assert await asyncio.to_thread(listener.wait_for, lambda names: "hang_up" in names)
    finger.close()


async def test_an_event_loop_may_use_the_panel(panel: Panel) -> None:
    """Nothing here waits for anything; the suite fails on blocking calls in a loop."""
    for pattern in LampPattern:
        panel.show(pattern, pattern)
        assert panel.lamps == LampsMessage(microphone=pattern, status=pattern)
    panel.drive(Button.HANG_UP, True)
    panel.drive(Button.HANG_UP, False)
    assert panel.beats() >= 0


async def test_the_pages_finger_finds_a_panel_that_came_back(
    path: Path, listener: RecordingListener
) -> None:
    def heard_more_than(before: int) -> bool:
        return len(listener.events) > before

    finger = AsyncVirtualPanel(path)
    with pytest.raises(PanelError, match="cannot be reached"):
        await finger.press(Button.HANG_UP, True)
    for _ in range(2):
        panel = await asyncio.to_thread(started, listener, path)
        before = len(listener.events)
        await finger.tap(Button.HANG_UP, ms=1)
        assert await asyncio.to_thread(eventually, partial(heard_more_than, before))
        await asyncio.to_thread(panel.stop)
        while finger._transport is not None and not finger._transport.is_closing():
            await asyncio.sleep(0.01)
    finger.close()


def test_nobody_there(path: Path) -> None:
    with pytest.raises(PanelError, match="cannot be reached"):
        VirtualPanelClient(path)


def test_a_lamp_that_never_comes(panel: Panel, path: Path) -> None:
    with VirtualPanelClient(path) as client, pytest.raises(PanelError, match="does not show on"):
        client.wait_for(Lamp.STATUS, LampPattern.ON, timeout=0.05)


def test_the_panel_beats_and_checks_itself(panel: Panel) -> None:
    assert eventually(lambda: panel.beats() >= 2)
    assert all(result.passed for result in panel.checks())
    panel.drive(Button.HANG_UP, True)
    failed = [result for result in panel.checks() if not result.passed]
    assert [(result.name, result.detail) for result in failed] == [
        ("button hang_up", "Pressed or stuck; release it.")
    ]


def test_a_stopped_panel_does_not_beat(listener: RecordingListener) -> None:
    panel = Panel(PanelSettings(), listener)
    assert panel.lamps == LampsMessage()
    panel.start()
    panel.stop()
    panel.stop()
    beats = panel.beats()
    assert not panel.checks(wait=0.1)[0].passed
    assert panel.beats() == beats
