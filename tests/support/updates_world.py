"""A box's page in front of the real RAUC."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.console_served import Served, served
from tests.support.console_world import make_world
from tests.support.rauc_box import RaucBox

LIMIT_S = 20


@contextmanager
def served_updates(box: RaucBox, folder: Path, **settings: object) -> Iterator[Served]:
    """Served until left; it follows what RAUC does."""
    with served(make_world(3, box.address, folder), **settings) as server:
        updates = server.world.system.updates

        def do(order: str) -> None:
            work = getattr(updates, order)()
            asyncio.run_coroutine_threadsafe(work, server.loop).result(LIMIT_S)

        do("start")
        try:
            yield server
        finally:
            do("stop")
