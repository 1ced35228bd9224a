"""Listening at one end of the virtual card, in a thread."""

from __future__ import annotations

import threading
from typing import Self

from appliance.demo.card_ends import EarTap

JOIN_S = 5.0


class Tapping:
    """A context in which `_run` reads the tap; a subclass says what it does with it."""

    def __init__(self, tap: EarTap) -> None:
        self._tap = tap
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._tap.close()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        raise NotImplementedError
