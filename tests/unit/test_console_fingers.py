"""Presses from the page on the real virtual panel's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from appliance.console.fingers import Fingers
from appliance.control_link.words import Button
from appliance.panel.errors import PanelError
from appliance.panel.virtual import VirtualPanelSocket
from appliance.panel.virtual_client import AsyncVirtualPanel
from tests.support.waiting import eventually


@pytest.fixture
def moves() -> list[tuple[Button, bool]]:
    return []


@pytest.fixture
def panel(tmp_path: Path, moves: list[tuple[Button, bool]]) -> Iterator[Path]:
    path = tmp_path / "panel.sock"
    server = VirtualPanelSocket(path, lambda button, down: moves.append((button, down)))
    server.start()
    yield path
    server.stop()


@pytest.fixture
async def fingers(panel: Path) -> AsyncIterator[Fingers]:
    client = AsyncVirtualPanel(panel)
    fingers = Fingers(client, longest_hold=0.2)
    yield fingers
    fingers.close()
    client.close()


async def test_a_press_and_its_release_arrive_in_order(
    fingers: Fingers, moves: list[tuple[Button, bool]]
) -> None:
    await fingers.press(Button.MICROPHONE, True)
    await fingers.press(Button.MICROPHONE, False)
    await eventually(lambda: len(moves) == 2)
    await asyncio.sleep(0.3)
    assert moves == [(Button.MICROPHONE, True), (Button.MICROPHONE, False)]


async def test_a_browser_that_vanishes_lets_go(
    fingers: Fingers, moves: list[tuple[Button, bool]]
) -> None:
    await fingers.press(Button.HANG_UP, True)
    await eventually(lambda: len(moves) == 2)
    assert moves[-1] == (Button.HANG_UP, False)


async def test_a_missing_panel_is_said_in_words(tmp_path: Path) -> None:
    fingers = Fingers(AsyncVirtualPanel(tmp_path / "none.sock"))
    with pytest.raises(PanelError, match="cannot be reached"):
        await fingers.press(Button.MICROPHONE, True)
    fingers.close()
