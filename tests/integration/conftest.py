"""What several modules of integration tests set up alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aioice import ice

from appliance.demo.soundcard import VirtualCard
from appliance.webrtc import allow_loopback
from tests.support.centre import Administrator, CentreProcess, running_centre
from tests.support.sandbox_box import Box, connected
from tests.support.soundcard import card_of_this_process


@pytest.fixture
def virtual_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualCard]:
    """A sound card for the test's own process."""
    with card_of_this_process(tmp_path / "card", monkeypatch) as card:
        yield card


@pytest.fixture(scope="module")
def centre_on_loopback() -> Iterator[None]:
    """WebRTC in the test's own process has this one address, as the contact centre has."""
    before = ice.get_host_addresses
    allow_loopback(only=True)
    yield
    ice.get_host_addresses = before


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CentreProcess]:
    """The contact centre, quick to give up."""
    limits: dict[str, Any] = {"grace": 1.0, "connect_timeout": 2.0, "media_timeout": 3.0}
    async with running_centre(tmp_path_factory.mktemp("centre"), **limits) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def admin(centre: CentreProcess) -> AsyncIterator[Administrator]:
    """Who does to the centre what a test needs."""
    async with centre.administrator() as administrator:
        yield administrator


@pytest_asyncio.fixture(loop_scope="module")
async def box(centre: CentreProcess) -> AsyncIterator[Box]:
    """A driver at the centre."""
    one = await connected(centre)
    yield one
    await one.close()
