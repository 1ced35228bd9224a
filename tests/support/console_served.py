"""A world of the page, served over real HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from fastapi import FastAPI

from appliance.console.server import serve
from tests.support.console_world import World

T = TypeVar("T")


@dataclass
class Served:
    """A world served over real HTTP by a thread of its own."""

    url: str
    world: World
    app: FastAPI
    loop: asyncio.AbstractEventLoop

    def do(self, work: Callable[[], T]) -> T:
        """Run *work* on the server's loop and wait for its result."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def wedge(self, seconds: float) -> None:
        """The process hangs: connections stay open, nothing is answered."""
        self.loop.call_soon_threadsafe(time.sleep, seconds)


@contextmanager
def served(world: World, **settings: object) -> Iterator[Served]:
    """Serve *world* on a free port of loopback until the block ends."""
    started = threading.Event()
    found: list[Served] = []
    stopping: list[asyncio.Event] = []
    failures: list[BaseException] = []

    async def main(app: FastAPI) -> None:
        stop = asyncio.Event()
        stopping.append(stop)

        def ready(url: str) -> None:
            found.append(Served(url, world, app, asyncio.get_running_loop()))
            started.set()

        await world.certificates.begin()
        await world.authorities.begin()
        await serve(app, app.state.console.settings, stop, ready=ready)

    def run() -> None:
        try:
            asyncio.run(main(world.app(**settings)))
        except Exception as error:  # noqa: BLE001 (told to the test below)
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="console server")
    thread.start()
    try:
        assert started.wait(20), "the server did not start"
        assert found, f"the server failed: {failures}"
        yield found[0]
    finally:
        if found:
            found[0].loop.call_soon_threadsafe(stopping[0].set)
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"
        assert not failures, failures
