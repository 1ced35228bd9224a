"""The command line's way to the JSON API: small, synchronous, standard library only."""

from __future__ import annotations

import hmac
import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from appliance.service.errors import BargeboxError

TIMEOUT_S = 15.0
MAX_ANSWER = 64 * 1024 * 1024
PIECE = 64 * 1024


class ApiError(BargeboxError):
    """The box refused; code and detail are the API's own."""


class UnreachableError(BargeboxError):
    """No answer from the box."""

    code = "unreachable"


@dataclass(frozen=True)
class Access:
    """Where the API is and the token that opens it."""

    url: str
    token: str
    fingerprint: str | None = None
    """SHA-256 of the certificate that the box shows; None: one that this machine trusts."""


def find_access(
    url: str | None, token: str | None, local: Path, fingerprint: str | None = None
) -> Access:
    """From the command line, the environment, or the file that control writes on the box.

    Raises `UnreachableError` with what to do when none of them says.
    """
    url = url or os.environ.get("BARGEBOX_URL")
    token = token or os.environ.get("BARGEBOX_TOKEN")
    if url and token:
        fingerprint = fingerprint or os.environ.get("BARGEBOX_FINGERPRINT")
        return Access(url.rstrip("/"), token, fingerprint)
    try:
        found = json.loads(local.read_text())
        return Access(found["url"].rstrip("/"), found["token"], found.get("fingerprint"))
    except PermissionError as error:
        raise UnreachableError(
            f"you may not read {local}; use sudo, or give --url and --token"
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise UnreachableError(
            f"the control process does not run here (no {local}); start it, "
            "or give --url and --token"
        ) from error


def call(access: Access, method: str, path: str, body: object = None) -> Any:
    """One request under ``/api/v1``; the decoded JSON, or None for an empty answer.

    Raises `ApiError` for a refusal, `UnreachableError` when there is no answer.
    """
    with _asked(access, method, path, body) as answer:
        data = answer.read(MAX_ANSWER)
    return json.loads(data) if data else None


def fetch(access: Access, path: str) -> Iterator[bytes]:
    """What is under ``/api/v1``, piece by piece, however long it is. Raises as `call` does."""
    with _asked(access, "GET", path, None) as answer:
        while piece := answer.read(PIECE):
            yield piece


@contextmanager
def _asked(access: Access, method: str, path: str, body: object) -> Iterator[IO[bytes]]:
    request = urllib.request.Request(  # noqa: S310 (the address is the user's own)
        f"{access.url}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {access.token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        },
    )
    handlers = [] if access.fingerprint is None else [_PinnedHandler(access.fingerprint)]
    try:
        opener = urllib.request.build_opener(*handlers)
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error.code, error.read(MAX_ANSWER)) from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        advice = ""
        if isinstance(reason, ssl.SSLCertVerificationError):
            advice = "; give its SHA-256 with --fingerprint, as the page Certificate shows it"
        raise UnreachableError(f"no answer from {access.url}: {reason}{advice}") from error


class _PinnedHandler(urllib.request.HTTPSHandler):
    """Takes the one certificate, whatever its names, issuer and dates."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__()
        self._wanted = fingerprint

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """As the standard library does it, over a connection that looks at the certificate."""
        made = partial(_PinnedConnection, wanted=self._wanted)
        return self.do_open(made, request, context=_unjudged())


class _PinnedConnection(http.client.HTTPSConnection):
    """Says nothing, the token least of all, before the certificate is known."""

    def __init__(self, host: str, *, wanted: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._wanted = wanted.replace(":", "").strip().lower()

    def connect(self) -> None:
        """Raises ``ssl.SSLCertVerificationError`` for any other certificate."""
        super().connect()
        shown = sha256(self.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(shown.encode(), self._wanted.encode()):
            self.close()
            raise ssl.SSLCertVerificationError("its certificate is another one")


def _unjudged() -> ssl.SSLContext:
    """For a connection that compares the certificate itself."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _refusal(status: int, data: bytes) -> ApiError:
    try:
        answer = json.loads(data)
        return ApiError(str(answer["detail"]), code=str(answer["code"]))
    except (ValueError, KeyError, TypeError):
        return ApiError(f"the box answered with HTTP status {status}", code="failed")
