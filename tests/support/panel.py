"""A listener that remembers, and contacts moved under a clock of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Event = tuple[str, float]


@dataclass
class RecordingListener:
    """A gate as the leg has it: the first edge closes it, a stable press opens it."""

    gate_open: bool = False
    events: list[Event] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def microphone_edge(self, at: float) -> bool:
        used, self.gate_open = self.gate_open, False
        self._note("edge", at)
        return used

    def microphone_pressed(self, at: float) -> None:
        self.gate_open = True
        self._note("pressed", at)

    def microphone_released(self, at: float, held: float) -> None:
        self._note("released", held)

    def hang_up_pressed(self, at: float) -> None:
        self._note("hang_up", at)

    def hang_up_held(self, at: float) -> None:
        self._note("hang_up_held", at)

    def both_held(self, at: float) -> None:
        self._note("both_held", at)

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def wait_for(self, holds: Callable[[list[str]], bool], timeout: float = 20.0) -> bool:
        """Wait until the names of what came satisfy *holds*."""
        with self.changed:
            return self.changed.wait_for(lambda: holds(self.names()), timeout)

    def _note(self, name: str, value: float) -> None:
        with self.changed:
            self.events.append((name, value))
            self.threads.append(threading.current_thread().name)
            self.changed.notify_all()
