"""The virtual panel's socket from its making to its end, systemd's own among them."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from appliance.control_link.words import Button, LampPattern
from appliance.panel.errors import PanelError
from appliance.panel.panel import Panel
from appliance.panel.patterns import Lamp
from appliance.panel.settings import PanelSettings
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.panel import RecordingListener


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "panel.sock"


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


def test_a_left_over_socket_is_replaced_and_a_living_one_is_not(
    path: Path, listener: RecordingListener
) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    panel = Panel(PanelSettings(), listener, virtual_socket=path)
    panel.start()
    second = Panel(PanelSettings(), listener, virtual_socket=path)
    with pytest.raises(PanelError, match="Another process serves"):
        second.start()
    second.stop()
    with VirtualPanelClient(path):
        panel.stop()
    assert not path.exists()


def listening(path: Path) -> socket.socket:
    """What systemd holds for the leg, over all its lives."""
    held = socket.socket(socket.AF_UNIX)
    held.bind(str(path))
    held.listen()
    return held


def test_a_socket_that_systemd_holds_outlives_the_panel(
    path: Path, listener: RecordingListener
) -> None:
    with closing(listening(path)) as held:
        for life in (["hang_up"], ["hang_up", "hang_up"]):
            with VirtualPanelClient(path) as client:  # waits while nobody serves
                panel = Panel(PanelSettings(), listener, virtual_socket=path, inherited=held.dup())
                panel.start()
                client.tap(Button.HANG_UP)
                assert listener.wait_for(life.__eq__)
                assert client.wait_for(Lamp.STATUS, LampPattern.SLOW_BLINK)
                panel.stop()
            assert path.exists()


def test_a_socket_that_is_not_needed_is_let_go(path: Path, listener: RecordingListener) -> None:
    with closing(listening(path)) as held:
        inherited = held.dup()
        panel = Panel(PanelSettings(), listener, inherited=inherited)
        panel.stop()
        assert inherited.fileno() == -1
        unused = held.dup()
        panel = Panel(PanelSettings(), listener, virtual_socket=path, inherited=unused)
        panel.stop()  # before it was started
        assert unused.fileno() == -1
        assert path.exists()


def test_a_socket_that_cannot_be_made(tmp_path: Path, listener: RecordingListener) -> None:
    for path in (tmp_path / "none" / "panel.sock", tmp_path / ("x" * 120)):
        panel = Panel(PanelSettings(), listener, virtual_socket=path)
        with pytest.raises(PanelError, match="cannot be made"):
            panel.start()
        panel.stop()
