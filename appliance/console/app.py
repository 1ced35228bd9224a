"""Puts the page and the API together."""

from __future__ import annotations

import logging
import mimetypes
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from appliance.console.access import Public, Requires
from appliance.console.device_cookies import DeviceCookies
from appliance.console.errors import PROBLEMS, add_error_handlers
from appliance.console.fingers import Fingers
from appliance.console.gatekeeper import Gatekeeper
from appliance.console.hub import EventHub
from appliance.console.kept_sign_ins import KeptSignIns
from appliance.console.language import InTheirLanguage, read_languages
from appliance.console.metrics import Counters
from appliance.console.own_names import OwnNames
from appliance.console.ports import Ports
from appliance.console.refused_sign_ins import RefusedSignIns
from appliance.console.routes import (
    account_access,
    account_pages,
    accounts,
    audit,
    box,
    certificate,
    device,
    events,
    health,
    history,
    history_pages,
    interactions,
    monitoring,
    network,
    pages,
    platform,
    roles,
    session,
    system_pages,
    watches,
)
from appliance.console.settings import ConsoleSettings
from appliance.console.sign_in_brake import SignInBrake
from appliance.console.state import Console, make_templates
from appliance.console.throttle import Throttle
from appliance.console.visitors import SPARE, Visitors
from appliance.console.web_sessions import WebSessions
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

API = "/api/v1"
FEATURES = (
    session,
    interactions,
    monitoring,
    watches,
    events,
    history,
    audit,
    device,
    platform,
    accounts,
    roles,
    account_access,
    certificate,
    network,
    box,
)


def create_app(
    ports: Ports, settings: ConsoleSettings, *, on_death: Callable[[str], None] = die
) -> FastAPI:
    """The ASGI app; reads the templates from disk, once.

    Raises RuntimeError when a route declares no permission.
    """
    app = FastAPI(
        title="Bargebox",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_life(on_death),
        responses=PROBLEMS,
    )
    mimetypes.init()  # reads the system's tables; else the first static file would, on the loop
    languages = read_languages(settings.web_root / "locale")
    counters = Counters()
    sessions = WebSessions(
        idle=settings.session_idle,
        longest=settings.session_max,
        limit=settings.max_sessions,
    )
    own_names = OwnNames((*settings.names, settings.host), ports.certificates.answers_to)
    app.state.console = Console(
        ports=ports,
        settings=settings,
        sessions=sessions,
        kept_sign_ins=KeptSignIns(sessions, ports.accounts),
        throttle=Throttle(),
        brake=SignInBrake(),
        devices=DeviceCookies(secrets.token_bytes(32)),
        refused=RefusedSignIns(ports.audit.append, ports.accounts.known_as),
        counters=counters,
        visitors=Visitors(settings.max_event_clients + SPARE, counters),
        hub=EventHub(ports, counters, max_clients=settings.max_event_clients),
        templates=make_templates(settings),
        languages=languages,
        own_names=own_names,
        fingers=None if ports.panel is None else Fingers(ports.panel),
    )
    for feature in FEATURES:
        app.include_router(feature.router, prefix=API)
    app.include_router(health.router)
    app.include_router(pages.router)
    app.include_router(account_pages.router)
    app.include_router(history_pages.router)
    app.include_router(audit.pages)
    app.include_router(system_pages.router)
    # Only these are compressed: a stream would wait for more, and an answer that holds a secret
    # beside what a stranger chose would tell of it by its length (BREACH).
    files = GZipMiddleware(StaticFiles(directory=settings.web_root / "static"), compresslevel=6)
    app.mount("/static", files, name="static")
    app.add_middleware(InTheirLanguage, languages=languages)
    app.add_middleware(
        Gatekeeper, settings=settings, own_names=own_names, certificates=ports.certificates
    )
    add_error_handlers(app)
    undeclared = [path for path, rule in permissions(app) if rule is None]
    if undeclared:
        raise RuntimeError(f"routes without a declared permission: {', '.join(undeclared)}")
    return app


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


def _rule(dependant: Dependant) -> Requires | Public | None:
    if isinstance(dependant.call, Requires | Public):
        return dependant.call
    for inner in dependant.dependencies:
        rule = _rule(inner)
        if rule is not None:
            return rule
    return None


def _life(
    on_death: Callable[[str], None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        console: Console = app.state.console
        await console.kept_sign_ins.recall()
        console.hub.start()
        await _know_browsers_again(console)
        works = {
            "console events": console.hub.run(),
            "sign-ins": console.kept_sign_ins.run(),
            "refused sign-ins": console.refused.run(),
        }
        tasks = [deadly_task(work, name, on_death=on_death) for name, work in works.items()]
        try:
            yield
        finally:
            console.hub.shut()
            if console.fingers is not None:
                console.fingers.close()
            await stop_tasks(*tasks)
            await console.refused.write()
            await console.kept_sign_ins.keep_all()

    return life


async def _know_browsers_again(console: Console) -> None:
    try:
        console.devices.key = await console.ports.accounts.device_key()
    except BargeboxError as error:
        log.warning("browsers that signed in before are not known again: %s", error.detail)
