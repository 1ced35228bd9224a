"""*Test connection* for a site with Janus: step by step up to the first that fails."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from appliance.platforms.janus.directory import Directory
from appliance.platforms.janus.link import Link, TlsError
from appliance.platforms.janus.note import Note
from appliance.platforms.janus.rooms import Book
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import Check, PlatformError
from appliance.service.tasks import stop_tasks

LIMIT_S = 25.0

Step = Literal["address", "tls", "sign_in", "permissions", "list", "media"]


async def check(settings: JanusSettings) -> list[Check]:
    """Every step that passed, and the first that did not."""
    checks: list[Check] = []
    step: Step = "address"
    try:
        async with asyncio.timeout(LIMIT_S), _connected(settings) as link:
            checks.append(Check("address", passed=True, detail=f"{settings.url} answers."))
            if settings.url.startswith("wss:"):
                checks.append(Check("tls", passed=True, detail="The certificate is trusted."))
            step = "sign_in"
            directory = await Directory.open(link, settings)
            try:
                checks.append(Check("sign_in", passed=True, detail="Janus lets the box in."))
                step = "media"
                await directory.attach()
                step = "list"
                checks.append(Check("list", passed=True, detail=await _calls(directory)))
                step = "permissions"
                await _own_room(directory)
                allowed = "The box may make rooms of its own."
                checks.append(Check(step, passed=True, detail=allowed))
                checks.append(Check("media", passed=True, detail=_plugins(settings)))
            finally:
                await directory.session.destroy()
    except TlsError as error:
        checks.append(Check("tls", passed=False, detail=error.detail))
    except PlatformError as error:
        checks.append(Check(step, passed=False, detail=error.detail))
    except TimeoutError:
        detail = f"Janus took longer than {LIMIT_S:g} s; look at its load and the network."
        checks.append(Check(step, passed=False, detail=detail))
    return checks


@asynccontextmanager
async def _connected(settings: JanusSettings) -> AsyncIterator[Link]:
    link = await Link.open(settings)
    reading = asyncio.create_task(link.read(lambda event: None), name="janus check")
    try:
        yield link
    finally:
        await stop_tasks(reading)
        await link.close()


async def _calls(directory: Directory) -> str:
    rooms = await directory.rooms()
    book = Book()
    book.take(rooms)
    return f"Of {len(rooms)} rooms, {len(book.calls)} are calls."


async def _own_room(directory: Directory) -> None:
    """Make one as a leg has it, and take it away."""
    handle = f"check-{secrets.token_hex(8)}"
    await directory.make_own_room(handle, Note(call="check", ear=1, answer="none"))
    await directory.drop_own_room(handle)


def _plugins(settings: JanusSettings) -> str:
    also = " and AudioBridge" if settings.speaking else ""
    return f"VideoRoom{also} answer." if also else "VideoRoom answers."
