"""What the routes share, typed: one `Console` object per app."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import DictLoader, Environment, StrictUndefined

from appliance.console import wording
from appliance.console.box_recovery import BoxRecovery
from appliance.console.device_cookies import DeviceCookies
from appliance.console.fingers import Fingers
from appliance.console.hub import EventHub
from appliance.console.kept_sign_ins import KeptSignIns
from appliance.console.language import (
    NAMES,
    Language,
    counted_for_template,
    for_scripts,
    for_template,
    spoken,
)
from appliance.console.metrics import Counters
from appliance.console.page_files import ADDRESS, PageFiles
from appliance.console.ports import Ports
from appliance.console.refused_sign_ins import RefusedSignIns
from appliance.console.settings import ConsoleSettings
from appliance.console.sign_in_brake import SignInBrake
from appliance.console.throttle import Lately, Throttle
from appliance.console.visitors import Visitors
from appliance.console.web_sessions import WebSessions


@dataclass(slots=True)
class Console:
    """The page's own state: sign-ins, connections, event clients, counters, templates."""

    ports: Ports
    settings: ConsoleSettings
    sessions: WebSessions
    kept_sign_ins: KeptSignIns
    throttle: Throttle
    """Pauses in guessing one's own password, to change it."""
    brake: SignInBrake
    openid_brake: SignInBrake
    """One of its own: whoever is braked at the provider still gets in by a password."""
    devices: DeviceCookies
    refused: RefusedSignIns
    counters: Counters
    visitors: Visitors
    hub: EventHub
    templates: Environment
    languages: Mapping[str, Language]
    told_lately: Lately
    """Refused permissions that are on record."""
    recovery: BoxRecovery
    fingers: Fingers | None
    """None where the buttons are real."""
    checking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Strangers' password checks at one time: each takes a core and 19 MiB for a moment."""
    checking_known: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Those of browsers that are known, which wait for no stranger."""
    recovering: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One password is set at the box at a time."""
    testing_openid: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One test of the identity provider at a time."""

    def page(
        self, request: Request, template: str, context: Mapping[str, Any], status: int = 200
    ) -> HTMLResponse:
        """Render a template; all texts of the platform are escaped."""
        text = self.templates.get_template(template).render(request=request, **context)
        return HTMLResponse(text, status)


def console(request: Request) -> Console:
    """The `Console` of the app that serves this request."""
    return cast(Console, request.app.state.console)


def make_templates(settings: ConsoleSettings, files: PageFiles) -> Environment:
    """Jinja with escaping everywhere and a loud error for a missing value.

    All templates are in memory, so that no request waits for the disk. *files* are the pages'
    scripts and sheets.
    """
    folder = settings.web_root / "templates"
    environment = Environment(
        loader=DictLoader({path.name: path.read_text("utf-8") for path in folder.glob("*.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(for_template, counted_for_template, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["language"] = spoken
    environment.globals["languages"] = NAMES
    environment.globals["texts_of"] = for_scripts
    environment.filters["rfc3339"] = wording.rfc3339
    environment.filters["utc"] = wording.utc
    environment.filters["elapsed"] = wording.elapsed
    environment.filters["clock"] = wording.clock
    environment.filters["level"] = wording.level
    environment.filters["ending"] = wording.ending
    environment.filters["label"] = wording.label
    environment.filters["reason"] = wording.refusal
    environment.globals["files"] = f"{ADDRESS}/{files.version}"
    environment.globals["script_of"] = files.script
    environment.globals["sheet_of"] = files.sheet
    environment.globals["modules_of"] = files.scripts.needed
    environment.globals["ear_url"] = settings.ear_url
    environment.globals["now"] = lambda: datetime.now(UTC)
    return environment
