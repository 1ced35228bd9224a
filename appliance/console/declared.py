"""What each route declares of who may use it, read from its dependencies."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, compile_path

from appliance.console.access import Public, Requires


def permissions(app: FastAPI) -> Iterator[tuple[str, Requires | Public | None]]:
    """Each route as ``METHOD /path`` with its declared permission, None where it has none.

    The only mount is the folder of static files, which is the same on every box and public.
    """
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount):
            yield f"GET {route.path}", Public()
            continue
        dependant = getattr(route, "dependant", None)
        rule = None if dependant is None else _rule(dependant)
        for method in sorted(route.methods or {"GET"}):
            yield f"{method} {route.path}", rule


def methods_at(app: FastAPI, path: str) -> list[str]:
    """The methods of all routes of the address that *path* is: one that is written out goes before
    one with a name in it.
    """
    routes = [
        (route.path, route.methods)
        for route in iter_route_contexts(app.routes)
        if route.path is not None and compile_path(route.path)[0].match(path)
    ]
    nearest = min((address.count("{") for address, _ in routes), default=0)
    return sorted({m for address, ms in routes if address.count("{") == nearest for m in ms or ()})


def _rule(dependant: Dependant) -> Requires | Public | None:
    if isinstance(dependant.call, Requires | Public):
        return dependant.call
    for inner in dependant.dependencies:
        rule = _rule(inner)
        if rule is not None:
            return rule
    return None
