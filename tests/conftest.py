"""Guards that hold for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[BlockBuster]:
    """A blocking call of this project's code on a running loop raises in the test.

    Only calls that come from the box's own rooms count: a test may read a file where it stands,
    and may use the demo's virtual card and the panel's blocking client as it likes.
    """
    tools = ["appliance.demo", "appliance.panel.virtual_client"]
    with blockbuster_ctx("appliance", excluded_modules=tools) as guard:
        yield guard


@pytest.fixture
def aiortc_may_wait(nothing_blocks_the_loop: BlockBuster) -> None:
    """aiortc waits for its decoder thread, which has had nothing to decode and ends at once."""
    lock = nothing_blocks_the_loop.functions["threading.Lock.acquire"]
    lock.can_block_in("aiortc/rtcrtpreceiver.py", {"__stop_decoder"})
