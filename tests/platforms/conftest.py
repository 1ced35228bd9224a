"""The sites: one server of each kind for the whole module, so that a run stays short."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.demo.box import Box
from tests.platforms.asterisk.site import asterisk_site
from tests.platforms.asterisk.spying_site import spying_site
from tests.platforms.box import box_at
from tests.platforms.cxengage.sip_site import cxengage_sip_site
from tests.platforms.cxengage.site import cxengage_site
from tests.platforms.janus.site import janus_site
from tests.platforms.measured import nothing_is_left
from tests.platforms.sandbox.site import sandbox_site
from tests.platforms.site import Site

SITES: dict[str, Callable[[Path], AbstractAsyncContextManager[Site]]] = {
    "sandbox": sandbox_site,
    "cxengage": cxengage_site,
    "cxengage-sip": cxengage_sip_site,
    "asterisk": asterisk_site,
    "asterisk-chanspy": spying_site,
    "janus": janus_site,
}
"""Every platform with the real server, or the stand-in, that plays it."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a server stay together, where several workers run side by side."""
    for item in items:
        parameters = (
            item.callspec.params
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else {}
        )
        module = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(f"{module}:{parameters.get('site', '')}"))


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SITES)
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A running site."""
    async with SITES[request.param](tmp_path_factory.mktemp(request.param)) as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box_of_site(site: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    """A whole box at the site."""
    async with box_at(site, tmp_path_factory.mktemp("box")) as box:
        yield box


@pytest_asyncio.fixture(loop_scope="module")
async def box(site: Site, box_of_site: Box) -> AsyncIterator[Box]:
    """That box, up; whatever it makes at the site is gone afterwards."""
    await box_of_site.until(box_of_site.ready)
    yield box_of_site
    await nothing_is_left(site)
