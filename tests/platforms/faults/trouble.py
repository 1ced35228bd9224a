"""What can be wrong with a connection at a moment."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Literal

PIECE = b" " * 65536
GARBAGE = (
    *(text.encode() for text in ("", "null", "7", '"x"', "[]", "{}", "{", "\ufffd\x00")),
    b"[" * 50_000,
    b"9" * 5000,
    b"\xff\xfe\x00",  # no text at all, at which a WebSocket closes: the last
)


class Trouble:
    """Its attributes hold from now on, for every connection."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        """How much later every message of the server arrives."""
        self.refuses = ""
        """The status that answers every request, also one for a WebSocket."""
        self.garbles = False
        """Every answer of the server is garbage."""
        self.bloats = 0
        """Answers of so many bytes come instead of the server's."""
        self.bursts = b""
        """Every answer is this, and is said to be compressed."""
        self.garbage = itertools.cycle(GARBAGE)
        self.done: Counter[Literal["cut", "said", "answered"]] = Counter()
        """Connections that were cut, things said in the server's name, and answers in its place: a
        fault that nobody could notice tests nothing.
        """
        self.light = asyncio.Event()
        """Nothing passes while it is clear."""
        self.light.set()

    @contextlib.contextmanager
    def darkness(self) -> Iterator[None]:
        """The link is down, both ways and without a word; what was on its way comes later."""
        self.light.clear()
        try:
            yield
        finally:
            self.light.set()
