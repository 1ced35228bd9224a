"""Whether a connection without packets is dead, or its platform only silent (a call on hold)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.leg.peer import Peer

ASK_S = 0.25
"""Between two questions, each of which waits half a second for its answer."""
UNANSWERED = 4
"""So many questions in a row that nobody answers: the path is dead."""


async def watch_path(suspect: Callable[[], Peer | None], dead: Callable[[], None]) -> None:
    """For ever ask the far end of the *suspect*, while there is one, whether it is there.

    *dead()* is called when it is not: about 3 s after it became suspect. ICE itself takes 30 s
    (RFC 7675 section 5.1), in which a platform may have called the leg dead long before.
    """
    asked: Peer | None = None
    unanswered = 0
    while True:
        await asyncio.sleep(ASK_S)
        peer = suspect()
        if peer is None or peer is not asked:
            asked, unanswered = peer, 0
        if peer is None:
            continue
        unanswered = 0 if await peer.answers() else unanswered + 1
        if unanswered >= UNANSWERED and suspect() is peer:
            unanswered = 0
            dead()
