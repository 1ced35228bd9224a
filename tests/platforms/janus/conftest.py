"""A running Janus for each module, and a desk at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.platforms.desk import Desk, desk_at
from tests.platforms.janus.site import JanusSite, janus_site
from tests.platforms.measured import nothing_is_left


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def janus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JanusSite]:
    async with janus_site(tmp_path_factory.mktemp("janus")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def desk(janus: JanusSite) -> AsyncIterator[Desk]:
    async with desk_at(janus) as desk:
        yield desk
    await nothing_is_left(janus)
