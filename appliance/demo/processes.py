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
PROMPT_PRIORITY = 10


def _die_with_parent() -> None:
    """In the child: get SIGKILL when the demo is killed, so that nothing is left behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _die_with_parent_and_be_prompt() -> None:
    """In the child: above the rest as a whole process, as the leg's unit has it, if allowed."""
    _die_with_parent()
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PROMPT_PRIORITY))


class Child:
    """One process that is kept alive until `stop`."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        *,
        prompt: bool = False,
    ) -> None:
        self.name = name
        self._prepare = _die_with_parent_and_be_prompt if prompt else _die_with_parent
        self._arguments = [sys.executable, *arguments]
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process is not None else None

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
