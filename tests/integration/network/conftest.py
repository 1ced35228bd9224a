"""A box's services, for a test of their own each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.network.desk import Desk, make_desk
from tests.support.private_box import PrivateBox, private_box


@pytest.fixture
def services() -> Iterator[PrivateBox]:
    """Fresh: DHCP gave eth0 an address, nothing was ever changed."""
    with private_box() as box:
        yield box


@pytest.fixture
async def desk(services: PrivateBox) -> AsyncIterator[Desk]:
    desk = make_desk(services)
    await desk.network.start()
    yield desk
    await desk.network.stop()
