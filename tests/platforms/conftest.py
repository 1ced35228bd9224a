"""The sites: one server of each kind for the whole module, so that a run stays short."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.platforms.asterisk.site import asterisk_site
from tests.platforms.cxengage.sip_site import cxengage_sip_site
from tests.platforms.cxengage.site import cxengage_site
from tests.platforms.janus.site import janus_site
from tests.platforms.sandbox.site import sandbox_site
from tests.platforms.site import Site

SITES: dict[str, Callable[[Path], AbstractAsyncContextManager[Site]]] = {
    "sandbox": sandbox_site,
    "cxengage": cxengage_site,
    "cxengage-sip": cxengage_sip_site,
    "asterisk": asterisk_site,
    "janus": janus_site,
}
"""Every platform with the real server, or the stand-in, that plays it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SITES)
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A running site."""
    async with SITES[request.param](tmp_path_factory.mktemp(request.param)) as site:
        yield site
