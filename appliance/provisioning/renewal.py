"""What ends this life of control: something is kept, and the next life begins with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from appliance.provisioning.neighbours import Calls


class Renewal:
    """At most one, and in no call; *renew* begins the next life."""

    def __init__(self, calls: Calls, renew: Callable[[], None]) -> None:
        self._calls, self._renew = calls, renew
        self.begun = False

    @asynccontextmanager
    async def once(self) -> AsyncIterator[None]:
        """Nobody joins while the body runs, and none after it; where it fails, all is as before.

        Raises ``busy`` in a call. Whoever calls it has looked whether one has `begun`.
        """
        with ExitStack() as undone:
            undone.callback(setattr, self, "begun", False)
            self.begun = True  # before the first wait, so that two cannot both begin
            undone.callback(await self._calls.close())
            yield
            undone.pop_all()
        self._renew()
