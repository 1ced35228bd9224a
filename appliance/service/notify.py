"""Telling the service manager how this process is: sd_notify(3), watchdog, socket activation.

Started by hand, without ``NOTIFY_SOCKET`` or ``WATCHDOG_USEC``, everything here does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

from systemd.daemon import listen_fds_with_names
from systemd.daemon import notify as sd_notify

from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

FEEDINGS: Final = 3
"""Feedings per watchdog time: two may fail before the process is killed."""


def _notify(*lines: str) -> None:
    try:
        sd_notify("\n".join(lines))
    except OSError as error:
        log.warning("the service manager could not be told %r: %s", lines[0], error)


def ready(status: str = "") -> None:
    """The process does its work from now on."""
    _notify("READY=1", f"STATUS={_one_line(status)}")


def status(text: str) -> None:
    """One line that ``systemctl status`` shows."""
    _notify(f"STATUS={_one_line(text)}")


def stopping() -> None:
    """The process has begun to shut down."""
    _notify("STOPPING=1")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def inherited_sockets() -> dict[str, socket.socket]:
    """The sockets that the service manager holds for us, by ``FileDescriptorName=``.

    Taken over once: the environment forgets them, so that children do not take them too.
    """
    names: dict[int, str] = listen_fds_with_names(unset_environment=True)
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(variable, None)  # Python's own copy, which the C library does not change
    return {name: socket.socket(fileno=fd) for fd, name in names.items()}


def watchdog_seconds() -> float | None:
    """The watchdog time that the service manager set for this process, or ``None``.

    ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` as in sd_watchdog_enabled(3); nonsense counts as none.
    """
    wanted = os.environ.get("WATCHDOG_PID")
    if wanted is not None and wanted != str(os.getpid()):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        return None
    return int(text) / 1e6


class Watchdog:
    """Feeds the watchdog while the loop turns and every registered counter moves.

    It runs on the loop, so a blocked loop starves it; a thread or task that must turn registers
    a counter. A counter has to move whether or not there is a headset, a call or a network.
    """

    def __init__(self, watchdog_time: float | None = None) -> None:
        """*watchdog_time*: seconds until a starved process is killed; default: as it is set."""
        self._time = watchdog_seconds() if watchdog_time is None else watchdog_time
        self._beats: dict[str, Callable[[], int]] = {}
        self._seen: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    def beats(self, name: str, counter: Callable[[], int]) -> None:
        """Feed only while *counter* changes; its first check is one interval from now."""
        self._beats[name] = counter
        self._seen[name] = counter()

    def forget(self, name: str) -> None:
        """The work called *name* ended as it should; unknown names are fine."""
        self._beats.pop(name, None)
        self._seen.pop(name, None)

    def start(self) -> None:
        """Begin to feed; does nothing where no watchdog waits."""
        if self._time is not None and self._task is None:
            self._task = deadly_task(self._run(self._time / FEEDINGS), "watchdog")

    async def stop(self) -> None:
        """Stop feeding: the watchdog time that is left is what the shutdown may take."""
        task, self._task = self._task, None
        await stop_tasks(task)

    async def _run(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self.check()

    def check(self) -> bool:
        """Feed if every counter moved since the last feeding; tell whether it was fed."""
        now = {name: counter() for name, counter in self._beats.items()}
        stuck = [name for name, count in now.items() if count == self._seen.get(name)]
        if stuck:
            log.error("the watchdog is not fed: no beat from %s", ", ".join(sorted(stuck)))
            return False
        self._seen = now
        _notify("WATCHDOG=1")
        return True
