"""An event loop in a thread of its own, for a test whose own thread is somebody else's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import Any, TypeVar

LIMIT_S = 90.0

T = TypeVar("T")


class OtherLoop:
    """What is done there is waited for here."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stack = AsyncExitStack()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* there and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    def enter(self, block: AbstractAsyncContextManager[T]) -> T:
        """Enter *block*; it is left when the loop ends, the last one first."""
        return self.do(self._stack.enter_async_context(block))

    def leave(self) -> None:
        """Leave what was entered."""
        self.do(self._stack.aclose())


@contextmanager
def other_loop(name: str) -> Iterator[OtherLoop]:
    """It runs until left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name)
    thread.start()
    other = OtherLoop(loop)
    try:
        try:
            yield other
        finally:
            other.leave()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT_S)
        loop.close()
