"""A log server, and a box that sends to it, for a test of their own each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from appliance.monitoring.store import Store
from appliance.platforms import trust
from appliance.provisioning.logs import sending
from tests.support.log_box import Box
from tests.support.log_server import LogServer, log_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LogServer]:
    with log_server(tmp_path / "rsyslog") as server:
        yield server


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    monkeypatch.setattr(sending, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(sending, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(sending, "STEADY_S", 0.5)
    store = await Store.open(tmp_path / "bargebox.sqlite3")
    box = Box(tmp_path, store)
    await box.write("begun")
    yield box
    await box.logs.stop()
    assert box.died == []
    await store.close()
    trust.believe_too("")
