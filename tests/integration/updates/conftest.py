"""A box with two slots, for a test of its own each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.updates.bench import Bench, make_bench
from tests.support.rauc_box import RaucBox, rauc_box


@pytest.fixture
def box() -> Iterator[RaucBox]:
    with rauc_box() as box:
        yield box


@pytest.fixture
async def bench(box: RaucBox, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = make_bench(box, tmp_path)
    await bench.updates.start()
    yield bench
    await bench.updates.stop()
    await bench.restart.stop()
