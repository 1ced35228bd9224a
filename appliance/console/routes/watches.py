"""What the signed-in account watches: it is told when such a call begins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from appliance.console.access import Caller, Listener
from appliance.console.state import Console, console
from appliance.console.watch_views import WatchIn, WatchList
from appliance.monitoring.watches import Kind, Watched

router = APIRouter(tags=["watches"])

Target = Annotated[str, Path(min_length=1, max_length=200)]


@router.get("/watches")
async def watches(request: Request, caller: Listener) -> WatchList:
    """What one watches on this platform, agents first."""
    return await _list(console(request), caller)


@router.put("/watches/{kind}/{target:path}")
async def watch(
    request: Request, caller: Listener, kind: Kind, target: Target, body: WatchIn | None = None
) -> WatchList:
    """Watch an agent, by the platform's id, or a queue, by its name. 409 beyond the most."""
    name = body.name.strip() if body else ""
    watched = Watched(kind, target, name or target)
    await console(request).ports.watches.add(caller.account.name, watched)
    return await _list(console(request), caller)


@router.delete("/watches/{kind}/{target:path}")
async def unwatch(request: Request, caller: Listener, kind: Kind, target: Target) -> WatchList:
    """Watch it no more, whether it was or not."""
    await console(request).ports.watches.remove(caller.account.name, (kind, target))
    return await _list(console(request), caller)


async def _list(state: Console, caller: Caller) -> WatchList:
    found = await state.ports.watches.of(caller.account.name)
    return WatchList.of(found, state.ports.book)
