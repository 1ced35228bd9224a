"""Answers of CxEngage that are late, enormous or in no known form."""

from __future__ import annotations

import pytest

from appliance.platforms.protocol import InteractionsSnapshot, PlatformConnection
from tests.platforms.cxengage.helpers import LIST, desk, fault
from tests.platforms.cxengage.process import StandinProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_list_in_an_unknown_form_is_told_and_passes(standin: StandinProcess) -> None:
    async with desk(standin) as found:
        for body in ('{"results":{"w1":{"body":{"results":{"interactions":7}}}}}', "[", "[]"):
            await standin.do("faults", faults=fault(LIST, 200, 1, body=body))
            number = len(found.of(PlatformConnection))
            await found.until(lambda n=number: len(found.of(PlatformConnection)) >= n + 2)  # type: ignore[misc]
            assert not found.of(PlatformConnection)[number].connected
            assert found.connected()
            # Whatever changed meanwhile: the list is told as a whole again.
            assert isinstance(found.events[-1], InteractionsSnapshot)
