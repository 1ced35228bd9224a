"""The outermost layer: whom it is meant for, security headers, a limit on every body."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.console.own_names import OwnNames
from appliance.console.settings import ConsoleSettings
from appliance.provisioning.certificates.keeper import CertificateKeeper

ANY_NAME = "/healthz"
"""Answers under every name: it tells nothing, and probes often ask by a name of their own."""


def content_security_policy(ear_url: str | None) -> str:
    """Nothing from outside, nothing inline; the demo's ear may be framed and nothing else."""
    ear = "'none'"
    if ear_url is not None:
        parts = urlsplit(ear_url)
        ear = f"{parts.scheme}://{parts.netloc}"
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            f"frame-src {ear}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def security_headers(settings: ConsoleSettings, certificates: CertificateKeeper) -> dict[str, str]:
    """What every answer carries."""
    headers = {
        "Content-Security-Policy": content_security_policy(settings.ear_url),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    if settings.secure and (seconds := certificates.insist_s()):
        headers["Strict-Transport-Security"] = f"max-age={seconds}"
    return headers


class Gatekeeper:
    """ASGI middleware: a request for another host is refused before anything else happens.

    A body must tell its length, so that it can be refused unread. *long_bodies* has paths whose
    bodies are taken as they come, and how many bytes they may have.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ConsoleSettings,
        own_names: OwnNames,
        certificates: CertificateKeeper,
        long_bodies: Mapping[str, int],
    ) -> None:
        self._app = app
        self._max_body, self._long_bodies = settings.max_body, long_bodies
        self._settings, self._own, self._certificates = settings, own_names, certificates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse its host or its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in security_headers(self._settings, self._certificates).items():
                    headers[name] = value
                # Files asked for without their version carry an ETag: mostly "not modified".
                static = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if static else "no-store")
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refuse_host(scope["path"], headers) or self._refuse_body(
            scope["path"], headers
        )
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refuse_host(self, path: str, headers: Headers) -> JSONResponse | None:
        if path == ANY_NAME or self._own.has(headers.get("host", "")):
            return None
        detail = (
            "This box does not go by that name. Use its address, or add the name to the setting "
            "console.names, or have the box's certificate issued for it."
        )
        # 421 and not 400: the request is well-formed, but meant for another server (RFC 9110).
        return JSONResponse({"code": "foreign_host", "detail": detail}, 421)

    def _refuse_body(self, path: str, headers: Headers) -> JSONResponse | None:
        if "transfer-encoding" in headers:
            detail = "Send the body with a Content-Length."
            return JSONResponse({"code": "length_required", "detail": detail}, 411)
        length = headers.get("content-length", "0")
        most = self._long_bodies.get(path, self._max_body)
        if not length.isdecimal() or len(length) > 12 or int(length) > most:
            detail = f"The body may have at most {most} bytes."
            return JSONResponse({"code": "too_large", "detail": detail}, 413)
        return None
