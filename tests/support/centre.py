"""The sandbox contact centre as a process of its own, and its administrator, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from appliance.platforms.sandbox.centre.settings import Ready
from appliance.platforms.sandbox.link import Link
from appliance.platforms.sandbox.settings import SandboxSettings
from tests.support.child import ModuleChild

SPEECH_DIRECTORY = Path(tempfile.gettempdir()) / "bargebox-test-speech"
"""Kept from run to run, so that only the first one waits for espeak-ng."""

SECONDS_TO_STOP = 15.0


class Administrator:
    """Operations with the centre's administrator token; see ``centre/requests.py``."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def do(self, op: str, **fields: Any) -> Any:
        """The result of any operation. Raises `PlatformError` when it is refused."""
        return await self._link.request(op, **fields)

    async def create_call(self, **fields: Any) -> str:
        """The id of a new call; quiet unless ``voices`` says otherwise."""
        result = await self.do("create_call", **{"voices": False, **fields})
        return str(result["call"])

    async def tone(self, call: str, party: str, hz: float | None, dbfs: float = -20.0) -> None:
        """Let a party sound a sine, or stop."""
        await self.do("tone", call=call, party=party, hz=hz, dbfs=dbfs)

    async def measure(
        self, call: str, party: str, hz: float | None = None, seconds: float = 1.0
    ) -> float:
        """dBFS of what a party heard."""
        result = await self.do("measure", call=call, party=party, hz=hz, seconds=seconds)
        return float(result["dbfs"])

    async def roster(self, call: str) -> Any:
        """What each party sees, and what it was told."""
        return await self.do("roster", call=call)

    async def uplink(self, handle: str, *, payloads: bool = False) -> list[list[Any]]:
        """Every packet that arrived from a leg."""
        packets: list[list[Any]] = []
        following = 0
        while True:
            page = await self.do("uplink_log", handle=handle, since=following, payloads=payloads)
            if not page["packets"]:
                return packets
            packets += page["packets"]
            following = page["next"]


class CentreProcess(ModuleChild):
    """One centre after another with the same settings, as long as `start` and `stop` are called."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.ready: Ready
        given = {"lively": 0, "speech_directory": str(SPEECH_DIRECTORY), **settings}
        super().__init__("appliance.platforms.sandbox.centre", directory, "centre", given)

    async def start(self) -> None:
        """Returns when clients may come. A second start takes the first one's port and tokens."""
        self.ready = Ready.model_validate_json(await self._started())
        self._settings |= {
            "port": int(self.ready.url.rpartition(":")[2]),
            "token": self.ready.token,
            "admin_token": self.ready.admin_token,
        }

    async def stop(self) -> int:
        """Its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(SECONDS_TO_STOP):
            return await self._process.wait()

    def driver_settings(self, **fields: Any) -> SandboxSettings:
        """What a driver needs to reach this centre."""
        return SandboxSettings.model_validate(
            {"url": self.ready.url, "token": self.ready.token, **fields}
        )

    @contextlib.asynccontextmanager
    async def administrator(self) -> AsyncIterator[Administrator]:
        """A connection with the administrator's token."""
        link = await Link.open(self.ready.url, 35.0)
        reading = asyncio.create_task(link.read(lambda event: None))
        try:
            await link.request("hello", token=self.ready.admin_token)
            yield Administrator(link)
        finally:
            await link.close()
            await reading


@contextlib.asynccontextmanager
async def running_centre(directory: Path, **settings: Any) -> AsyncIterator[CentreProcess]:
    """A centre with no calls of its own (unless ``lively`` says so), gone at the end."""
    centre = CentreProcess(directory, **settings)
    try:
        await centre.start()
        yield centre
    finally:
        await centre.stop()
