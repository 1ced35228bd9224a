"""Hands for the demo's world: a person with the API, the centre's administrator, a running call."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from appliance.demo.box import Box
from appliance.demo.world import Options, World
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sandbox.link import Link
from tests.support.centre import SPEECH_DIRECTORY, Administrator
from tests.support.soundcard import sine

HERTZ = 997.0
FRAME_S = 0.020
ON_ITS_WAY_S = 0.010
"""From the leg's gate to the centre's clock: encoding, sending, and both processes' turns."""


class Person:
    """Someone who uses the JSON API with a token; by default the first account. Close with ``async
    with``.
    """

    def __init__(self, box: Box, name: str | None = None) -> None:
        name = name or next(iter(box.tokens))
        self.name = name
        self._client = httpx.AsyncClient(
            base_url=f"{box.url}/api/v1",
            headers={"Authorization": f"Bearer {box.tokens[name]}"},
            timeout=15,
        )

    async def request(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Any request; the answer whatever its status."""
        return await self._client.request(method, path, json=body)

    async def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        return (await self.request("GET", path)).raise_for_status().json()

    async def post(self, path: str, body: object = None) -> Any:
        """The JSON of a POST that must succeed."""
        return (await self.request("POST", path, body)).raise_for_status().json()

    async def put(self, path: str, body: object) -> Any:
        """The JSON of a PUT that must succeed."""
        return (await self.request("PUT", path, body)).raise_for_status().json()

    async def delete(self, path: str) -> None:
        """A DELETE that must succeed."""
        (await self.request("DELETE", path)).raise_for_status()

    async def listed(self, interaction: str) -> None:
        """Wait until the box lists it."""
        async with asyncio.timeout(10):
            while (await self.request("GET", f"/interactions/{interaction}")).status_code != 200:
                await asyncio.sleep(0.02)

    async def until(self, path: str, **wanted: object) -> Any:
        """Poll *path* until these fields have these values; 10 s at most."""
        last: Any = None
        until = time.monotonic() + 10
        while time.monotonic() < until:
            last = await self.get(path)
            if all(last.get(name) == value for name, value in wanted.items()):
                return last
            await asyncio.sleep(0.01)
        raise AssertionError(f"{path} never had {wanted}: {last}")

    @asynccontextmanager
    async def events(self) -> AsyncIterator[list[tuple[float, str, Any]]]:
        """An open event stream, as a page has it: ``(arrived, event, data)`` as they come."""
        seen: list[tuple[float, str, Any]] = []

        async def read() -> None:
            async with self._client.stream("GET", "/events", timeout=None) as stream:
                name = ""
                async for line in stream.aiter_lines():
                    if line.startswith("event:"):
                        name = line.removeprefix("event:").strip()
                    elif line.startswith("data:"):
                        data = json.loads(line.removeprefix("data:"))
                        seen.append((time.monotonic(), name, data))

        reading = asyncio.create_task(read())
        try:
            async with asyncio.timeout(10):
                while not seen:
                    await asyncio.sleep(0.01)
            yield seen
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._client.aclose()


@asynccontextmanager
async def open_centre(world: World) -> AsyncIterator[Administrator]:
    """A connection to the centre with the administrator's token."""
    link = await Link.open(world.centre_url, 35.0)
    reading = asyncio.create_task(link.read(lambda event: None))
    try:
        await link.request("hello", token=world.admin_token)
        yield Administrator(link)
    finally:
        await link.close()
        await reading


@dataclass
class Monitored:
    """A call that is being monitored."""

    interaction: str
    session_id: str
    handle: str
    admin: Administrator


@asynccontextmanager
async def monitored(
    world: World, person: Person, *, voices: bool = False, **call: Any
) -> AsyncIterator[Monitored]:
    """A call of its own, monitored by *person*; left and ended at the end."""
    async with open_centre(world) as admin:
        interaction = await admin.create_call(voices=voices, **call)
        await person.listed(interaction)
        session = await person.post(f"/interactions/{interaction}/monitor")
        (leg,) = (await admin.do("legs"))["legs"]
        yield Monitored(interaction, session["session_id"], leg["handle"], admin)
        await person.request("DELETE", "/monitoring")
        with suppress(PlatformError):  # the test may have ended it
            await admin.do("end", call=interaction)


@asynccontextmanager
async def demo_world(directory: Path, options: Options | None = None) -> AsyncIterator[World]:
    """The demo's world without calls of its own, quick to start."""
    options = options or Options()
    centre = {"lively": 0, "speech_directory": str(SPEECH_DIRECTORY), **options.centre}
    quick = Options(
        port=options.port,
        centre=centre,
        settings=options.settings,
        people=options.people,
        ear=False,
        log_level=options.log_level,
    )
    async with World(directory, quick) as world:
        yield world


@asynccontextmanager
async def speaking_world(directory: Path, options: Options | None = None) -> AsyncIterator[World]:
    """With somebody at the microphone all the time: a tone of `HERTZ`, loud."""
    async with demo_world(directory, options) as world:
        world.card.play(sine(HERTZ, -3.0))
        yield world
