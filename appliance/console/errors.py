"""Every error leaves as ``{code, detail}``, or as a page where a person was looking."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from appliance.console import wording
from appliance.console.access import CSRF_HEADER
from appliance.console.declared import methods_at
from appliance.console.gatekeeper import security_headers
from appliance.console.language import Language, later, spoken, translated
from appliance.console.menu import FIRST_START
from appliance.console.settings import ConsoleError
from appliance.console.state import console
from appliance.control_link.words import EndReason
from appliance.service.errors import BargeboxError, ValuesError
from appliance.service.faults import by_field

log = logging.getLogger(__name__)

MOST = 50
"""Faults told of one request."""

STATUS = {
    EndReason.NOT_PERMITTED: 403,
    EndReason.OWN_CALL: 403,
    EndReason.NO_MONITORING_OBJECT: 409,
    EndReason.MONITORING_DISABLED: 409,
    EndReason.CALL_ENDED: 409,
    EndReason.AGENT_ENDED: 409,
    EndReason.CUSTOMER_ENDED: 409,
    EndReason.REMOVED: 409,
    EndReason.PLATFORM_LOST: 503,
    EndReason.HEADSET_LOST: 503,
    EndReason.CONTROL_LOST: 503,
    "audit_unwritable": 503,
    "store_failed": 503,
    "leg_unreachable": 503,
    "panel_fault": 503,
    EndReason.FAILED: 502,
    "not_found": 404,
    "no_next": 404,
    "no_session": 404,
    "sign_in_refused": 401,
    "account_locked": 403,
    "invalid_account": 422,
    "invalid_query": 422,
    "platform_file": 503,
    "chosen_settings": 503,
    "settings_refused": 422,
    "invalid_certificate": 422,
    "certificate_file": 503,
    "invalid_input": 422,
    "provider_away": 503,
    "provider_fault": 502,
    "provider_refused": 403,
    "client_refused": 502,
    "openid_off": 404,
    "openid_token": 403,
    "openid_busy": 429,
    "openid_file": 503,
    "log_forwarding_file": 503,
    "no_role": 403,
    "invalid_name": 403,
    "service_absent": 503,
    "service_failed": 502,
    "service_forbidden": 503,
    "state": 503,
    "timeout": 503,
    "empty_file": 422,
    "no_space": 507,
    "not_kept": 503,
    "too_slow": 408,
    "not_a_bundle": 422,
    "bundle_cut_short": 422,
    "bundle_untrusted": 422,
    "wrong_compatible": 422,
    "bundle_unreachable": 422,
    "no_streaming": 422,
    "update_refused": 502,
    "stick_gone": 404,
    "slot_unknown": 404,
    "slot_unwritable": 503,
}
"""HTTP status by code; what is not named here is 409, a refusal in the present state."""


class Told(BaseModel):
    """An error in the language that the header ``X-Bargebox`` names, such as ``de``."""

    detail: str
    fields: dict[str, str]


class Problem(BaseModel):
    """The body of every error; ``fields`` says of single values what is wrong with them, ``lines``
    where they are in a document.
    """

    code: str
    detail: str
    fields: dict[str, str] | None = None
    lines: dict[str, int] | None = None
    told: Told | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "Refused; the code says why."},
    "5XX": {"model": Problem, "description": "Failed; the detail says what to do."},
}


def status_of(error: BargeboxError) -> int:
    """The HTTP status of an expected fault."""
    if isinstance(error, ConsoleError):
        return error.status
    return STATUS.get(error.code, 409)


def wants_page(request: Request) -> bool:
    """A person navigated here with a browser; a script or the page's own request did not."""
    path = request.url.path
    return (
        request.method == "GET"
        and not path.startswith(("/api/", "/static/", "/healthz", "/metrics"))
        and "text/html" in request.headers.get("accept", "")
    )


def answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    fields: Mapping[str, str] | None = None,
    lines: Mapping[str, int] | None = None,
) -> Response:
    """The answer for an error: a redirect or a page for people, JSON otherwise."""
    if not wants_page(request):
        body: dict[str, Any] = {"code": code, "detail": detail}
        if fields:
            body["fields"] = dict(fields)
        if lines:
            body["lines"] = dict(lines)
        language = console(request).languages.get(request.headers.get(CSRF_HEADER, "en"))
        if language is not None and language.code != "en":
            body["told"] = _told(language, code, detail, fields or {})
        return JSONResponse(body, status)
    if code == "not_signed_in":
        # A change of the network is confirmed at another address, where nobody is signed in.
        path = request.url.path
        returns = path.startswith("/settings/") or path == FIRST_START
        wanted = f"?to={quote(path)}" if returns else ""
        return RedirectResponse(f"/sign-in{wanted}", 303)
    if code == "must_change_password":
        return RedirectResponse("/change-password", 303)
    # What 422 is called differs from one Python to the next.
    title = HTTPStatus(400 if status == 422 else status).phrase.capitalize()
    if spoken().code != "en":
        detail = _told(spoken(), code, detail, {})["detail"]
    context = {"title": translated(title), "detail": detail}
    return console(request).page(request, "error.html", context, status)


def _told(language: Language, code: str, detail: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """`Told`: what the catalogue lacks is said by its code, or stays as it is."""
    words = language.of(detail) or language.of(wording.PROBLEMS.get(code, "")) or detail
    told = {name: language.of(text) or text for name, text in fields.items()}
    return {"detail": words, "fields": told}


def add_error_handlers(app: FastAPI) -> None:
    """Register the handlers for expected faults, HTTP errors, bad input and accidents."""
    app.add_exception_handler(BargeboxError, _expected)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _accident)


async def _expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, BargeboxError)
    fields = error.fields if isinstance(error, ConsoleError | ValuesError) else None
    lines = error.lines if isinstance(error, ValuesError) else None
    response = answer(request, status_of(error), error.code, error.detail, fields, lines)
    if isinstance(error, ConsoleError) and error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {
        404: ("not_found", later("There is nothing at this address.")),
        405: ("method_not_allowed", later("This address does not support that method.")),
    }
    code, detail = words.get(error.status_code, ("bad_request", str(error.detail)))
    response = answer(request, error.status_code, code, detail)
    response.headers.update(error.headers or {})
    if error.status_code == 405:  # Starlette tells of the first route at the address only
        response.headers["Allow"] = ", ".join(methods_at(request.app, request.url.path))
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()[:MOST]
    if any(fault["type"] == "json_invalid" for fault in faults):
        return answer(request, 422, "invalid_input", later("The body is not JSON."))
    fields = by_field(faults)
    detail = " ".join(f"{name}: {words}" for name, words in list(fields.items())[:5])
    return answer(request, 422, "invalid_input", detail, fields)


async def _accident(request: Request, error: Exception) -> Response:
    # The server logs the traceback itself.
    log.error("request %s %s failed: %s", request.method, request.url.path, type(error).__name__)
    detail = later("Something went wrong in the box. Try again; the box's log has the cause.")
    response = answer(request, 500, EndReason.FAILED, detail)
    # Starlette answers accidents outside all other layers, the gatekeeper included.
    state = console(request)
    response.headers.update(security_headers(state.settings, state.ports.certificates))
    response.headers["Cache-Control"] = "no-store"
    return response
