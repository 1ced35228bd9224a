"""Child processes of the demo: started, restarted when they die (systemd's part), stopped."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress

from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

RESTART_PAUSE_S = 0.2
STOP_LIMIT_S = 5.0
PR_SET_PDEATHSIG = 1
LEG_PRIORITY = 10
"""As the leg's unit has it."""
OUTSIDE_PRIORITY = 9
"""Of what has a machine of its own in life: the leg never waits for it."""


def _die_with_parent() -> None:
    """In the child: get SIGKILL when the demo is killed, so that nothing is left behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def be_prompt(pid: int, priority: int) -> None:
    """Above the rest as a whole process, if that is allowed; 0 is the process that calls."""
    with suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(priority))


class Child:
    """One process that is kept alive until `stop`."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        *,
        priority: int = 0,
    ) -> None:
        """*priority*: in real time (SCHED_RR), 0 for an ordinary process."""
        self.name = name
        self._priority = priority
        self._arguments = [sys.executable, *arguments]
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process is not None else None

    def _prepare(self) -> None:
        _die_with_parent()
        if self._priority:
            be_prompt(0, self._priority)

    async def start(self) -> None:
        """Start it, and again whenever it ends."""
        await self._spawn()
        self._keeper = deadly_task(self._keep(), f"keeper of {self.name}")

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments,
            env=self._environment,
            # Ctrl-C reaches the demo alone, which stops the others in order.
            start_new_session=True,
            preexec_fn=self._prepare,
        )
        self.starts += 1

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            log.warning("%s ended (%s); starting it again", self.name, code)
            await asyncio.sleep(RESTART_PAUSE_S)
            await self._spawn()

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after 5 s."""
        await stop_tasks(self._keeper)
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await process.wait()
        except TimeoutError:
            log.warning("%s does not stop; killing it", self.name)
            process.kill()
            await process.wait()
