"""One stand-in for each module, without faults and without remains between two tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.platforms.cxengage.helpers import EVERY, SUE
from tests.platforms.cxengage.process import StandinProcess, running_standin


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandinProcess]:
    async with running_standin(tmp_path_factory.mktemp("faults")) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def standin(process: StandinProcess) -> AsyncIterator[StandinProcess]:
    """Without faults, and with nothing left over from the test."""
    yield process
    await process.do("faults", faults={})
    await process.do("user", user=SUE, permissions=list(EVERY))
    for _ in range(200):
        if not (left := await process.do("ours")):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"left: {left}")
