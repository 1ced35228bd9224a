"""The life of one process: signals, exit statuses, faults, and what the kernel must forbid."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any, Final, NoReturn

from appliance.service import notify
from appliance.service.errors import BargeboxError
from appliance.service.journal import fields

log = logging.getLogger(__name__)

Main = Callable[[asyncio.Event], Awaitable[None]]
"""The process's work: it returns soon after the event is set, and only then."""

IMPATIENCE: Final = 1.0
"""Seconds after which a second signal means *now*. Nearer ones are one wish told twice: Ctrl-C
reaches the whole group while a parent passes it on, and several deadly tasks may die at once."""

GRACE: Final = 8.0
"""Seconds that the ordinary shutdown may take; below the units' ``TimeoutStopSec``."""

_PR_SET_DUMPABLE: Final = 4


class ExitStatus(IntEnum):
    """What the process's exit status means (the larger ones from sysexits.h)."""

    OK = 0
    REFUSED = 1
    FAULT = 70
    STUCK = 75


class Runner:
    """Runs one `Main` from start to exit status; use `run`."""

    def __init__(self, main: Main, *, grace: float, harmless: tuple[type[BaseException], ...]):
        self._main = main
        self._grace = grace
        self._harmless = harmless
        self._stop = asyncio.Event()
        self._asked_at: float | None = None
        self._status = ExitStatus.OK
        # A thread of the loop's executor that hangs would keep the process alive for ever.
        self.last_word = threading.Timer(grace + 1.0, hard_exit, (ExitStatus.STUCK,))
        self.last_word.daemon = True

    async def live(self) -> ExitStatus:
        """Run until `Main` returns, or was cancelled because the grace was over."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_fault)
        threading.excepthook = self._thread_fault
        for number in _stop_signals():
            loop.add_signal_handler(number, self._signalled, number)
        work = asyncio.ensure_future(self._main(self._stop))
        asked = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({work}, timeout=self._grace)
        self._begin_stop()
        asked.cancel()
        if not work.done():
            log.error("the shutdown took longer than %.0f s and is cut short", self._grace)
            work.cancel()
            return ExitStatus.STUCK
        return self._verdict(work)

    def _verdict(self, work: asyncio.Future[None]) -> ExitStatus:
        error = None if work.cancelled() else work.exception()
        if isinstance(error, BargeboxError):
            log.error("%s", error.detail, extra=fields(code=error.code))
            return ExitStatus.REFUSED
        if error is not None:
            log.critical("the process failed", exc_info=error)
            return ExitStatus.FAULT
        return self._status

    def _begin_stop(self) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            notify.stopping()
            self.last_word.start()
        self._stop.set()

    def _signalled(self, number: signal.Signals) -> None:
        if self._asked_at is not None and time.monotonic() - self._asked_at > IMPATIENCE:
            log.warning("%s again: leaving at once", number.name)
            hard_exit(128 + number)
        log.info("%s: stopping", number.name)
        self._begin_stop()

    def _loop_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        text = context.get("message", "fault in the event loop")
        if error is None or isinstance(error, self._harmless):
            log.error("%s", text, exc_info=error)
            return
        log.critical("%s; stopping the process", text, exc_info=error)
        self._status = ExitStatus.FAULT
        self._begin_stop()

    def _thread_fault(self, fault: threading.ExceptHookArgs) -> None:
        name = fault.thread.name if fault.thread is not None else "?"
        log.critical("thread %r failed; stopping the process", name, exc_info=fault.exc_value)
        self._status = ExitStatus.FAULT
        os.kill(os.getpid(), signal.SIGTERM)


def _stop_signals() -> list[signal.Signals]:
    """SIGHUP too, for a terminal that is closed, but not where nohup(1) asked to stay."""
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGTERM, signal.SIGINT, *hang_up]


def run(
    main: Main, *, grace: float = GRACE, harmless: tuple[type[BaseException], ...] = ()
) -> ExitStatus:
    """Run *main* on a fresh loop until it returns, and tell the exit status to leave with.

    The first SIGTERM, SIGINT or SIGHUP sets the event; a further one, given a second later,
    ends the process at once, and so does a shutdown that outlasts *grace* seconds. An error that
    nobody caught on the loop or in a thread is logged and stops the process, except those of
    the *harmless* types, which are only logged. Of a `BargeboxError` of *main* only the words
    are logged, of any other error the traceback too; nothing is raised.
    """
    if sys.stderr is not None and not faulthandler.is_enabled():
        faulthandler.enable()

    runner = Runner(main, grace=grace, harmless=harmless)
    hook = threading.excepthook
    try:
        return asyncio.run(runner.live())
    finally:
        threading.excepthook = hook
        runner.last_word.cancel()


def hard_exit(status: int) -> NoReturn:
    """Leave without any clean-up; what was logged gets a moment to be written."""
    for handler in logging.root.handlers:
        handler.flush()
    os._exit(status)


def forbid_core_dumps() -> None:
    """Make it impossible for this process to leave its memory, thus call audio, on a disk.

    The limit stops ordinary dumps; a process that is not dumpable is skipped by a piped
    ``core_pattern`` too (core(5)) and cannot be traced by its own user.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise BargeboxError(
            f"Core dumps could not be forbidden ({reason}); the leg must not run like this.",
            code="core_dumps",
        )
