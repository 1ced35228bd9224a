"""Puts the page and the API together."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Depends, FastAPI

from appliance.console.asked_once import asked_once
from appliance.console.box_recovery import BoxRecovery
from appliance.console.declared import permissions
from appliance.console.device_cookies import DeviceCookies
from appliance.console.errors import PROBLEMS, add_error_handlers
from appliance.console.fingers import Fingers
from appliance.console.gatekeeper import Gatekeeper
from appliance.console.hub import EventHub
from appliance.console.kept_sign_ins import KeptSignIns
from appliance.console.language import InTheirLanguage, read_languages
from appliance.console.metrics import Counters
from appliance.console.openapi import ABOUT, operation_id, tags_of
from appliance.console.own_names import OwnNames
from appliance.console.page_files import ADDRESS, page_files
from appliance.console.ports import Ports
from appliance.console.refused_sign_ins import RefusedSignIns
from appliance.console.routes import (
    account_access,
    account_pages,
    accounts,
    audit,
    box,
    certificate,
    checks,
    device,
    events,
    findings,
    first_start,
    first_start_page,
    health,
    health_page,
    history,
    history_pages,
    interactions,
    logs,
    maintenance,
    monitoring,
    network,
    openid,
    openid_pages,
    pages,
    platform,
    recovery,
    roles,
    session,
    site_settings,
    support,
    system_pages,
    updates,
    watches,
)
from appliance.console.settings import ConsoleSettings
from appliance.console.sign_in_brake import SignInBrake
from appliance.console.state import Console, make_templates
from appliance.console.throttle import Lately, Throttle
from appliance.console.visitors import SPARE, Visitors
from appliance.console.web_sessions import WebSessions
from appliance.provisioning.site_file.reading import MAX_BYTES
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

API = "/api/v1"
FEATURES = (
    session,
    recovery,
    interactions,
    monitoring,
    watches,
    events,
    history,
    audit,
    device,
    checks,
    platform,
    accounts,
    roles,
    account_access,
    openid,
    certificate,
    network,
    box,
    updates,
    first_start,
    findings,
    site_settings,
    support,
    logs,
    maintenance,
)


def create_app(
    ports: Ports, settings: ConsoleSettings, *, on_death: Callable[[str], None] = die
) -> FastAPI:
    """The ASGI app; reads the templates and the page's files from disk, once.

    Raises RuntimeError when a route declares no permission.
    """
    app = FastAPI(
        title="Bargebox",
        version="1",
        description=ABOUT,
        openapi_tags=tags_of(*FEATURES, health),
        openapi_url=None,  # a route like any other, for the signed-in
        docs_url=None,
        redoc_url=None,
        lifespan=_life(on_death),
        responses=PROBLEMS,
        generate_unique_id_function=operation_id,
    )
    languages = read_languages(settings.web_root / "locale")
    files = page_files(settings.web_root / "static")
    counters = Counters()
    sessions = WebSessions(
        idle=settings.session_idle,
        longest=settings.session_max,
        limit=settings.max_sessions,
    )
    own_names = OwnNames((*settings.names, settings.host), ports.certificates.answers_to)
    ports.system.names.called = own_names.add_machine
    fingers = None if ports.panel is None else Fingers(ports.panel)
    app.state.console = Console(
        ports=ports,
        settings=settings,
        sessions=sessions,
        kept_sign_ins=KeptSignIns(sessions, ports.accounts),
        throttle=Throttle(),
        told_lately=Lately(),
        brake=SignInBrake(),
        openid_brake=SignInBrake(),
        devices=DeviceCookies(secrets.token_bytes(32)),
        refused=RefusedSignIns(ports.audit.append, ports.accounts.known_as),
        counters=counters,
        visitors=Visitors(settings.max_event_clients + SPARE, counters),
        hub=EventHub(ports, counters, max_clients=settings.max_event_clients, page=files.version),
        templates=make_templates(settings, files),
        languages=languages,
        recovery=BoxRecovery(
            ports.monitoring,
            ports.audit,
            lambda: fingers is not None and fingers.touched_lately,
        ),
        fingers=fingers,
    )
    for feature in FEATURES:
        app.include_router(feature.router, prefix=API, dependencies=[Depends(asked_once)])
    app.include_router(health.router)
    app.include_router(pages.router)
    app.include_router(account_pages.router)
    app.include_router(openid_pages.router)
    app.include_router(recovery.pages)
    app.include_router(history_pages.router)
    app.include_router(audit.pages)
    app.include_router(system_pages.router)
    app.include_router(updates.pages)
    app.include_router(health_page.router)
    app.include_router(first_start_page.router)
    app.include_router(maintenance.pages)
    app.include_router(logs.pages)
    # Only these are compressed: a stream would wait for more, and an answer that holds a secret
    # beside what a stranger chose would tell of it by its length (BREACH).
    app.mount(ADDRESS, files, name="static")
    app.add_middleware(InTheirLanguage, languages=languages)
    app.add_middleware(
        Gatekeeper,
        settings=settings,
        own_names=own_names,
        certificates=ports.certificates,
        long_bodies={
            f"{API}{updates.BUNDLE}": ports.system.updates.largest,
            f"{API}/settings/import": 2 * MAX_BYTES,  # JSON may write a character as two
        },
    )
    add_error_handlers(app)
    undeclared = [path for path, rule in permissions(app) if rule is None]
    if undeclared:
        raise RuntimeError(f"routes without a declared permission: {', '.join(undeclared)}")
    return app


def _life(
    on_death: Callable[[str], None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        console: Console = app.state.console
        await console.kept_sign_ins.recall()
        console.hub.start()
        console.recovery.start()
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
            await console.recovery.stop()
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
