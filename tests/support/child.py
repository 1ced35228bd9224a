"""A program as a process of the tests' own, and its end as an accident would have it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

SECONDS_TO_START = 60.0


class Child:
    """One process after another, as long as it is started and killed."""

    _process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """As an accident would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class ModuleChild(Child):
    """A *module* of this project with *settings* of its own, which tells when it is ready.

    Its two files are beside each other in *directory* and have the *name*.
    """

    def __init__(self, module: str, directory: Path, name: str, settings: dict[str, Any]) -> None:
        self._module, self._name, self._settings = module, name, settings
        self._settings_file = directory / f"{name}.json"
        self._ready_file = directory / f"{name}.ready"

    async def _started(self) -> str:
        """Start it; what it tells once clients may come."""
        self._settings_file.write_text(json.dumps(self._settings))
        self._ready_file.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            "--settings",
            str(self._settings_file),
            "--ready-file",
            str(self._ready_file),
            "--follow-parent",
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(SECONDS_TO_START):
            while not self._ready_file.exists():
                assert self._process.returncode is None, f"the {self._name} did not start"
                await asyncio.sleep(0.05)
        return self._ready_file.read_text()
