"""The command line's way to the JSON API: small, synchronous, standard library only."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    certificate: str | None = None
    """PEM file to trust, where the box serves its own certificate."""


def find_access(url: str | None, token: str | None, local: Path) -> Access:
    """From the command line, the environment, or the file that control writes on the box.

    Raises `UnreachableError` with what to do when none of them says.
    """
    url = url or os.environ.get("BARGEBOX_URL")
    token = token or os.environ.get("BARGEBOX_TOKEN")
    if url and token:
        return Access(url.rstrip("/"), token)
    try:
        found = json.loads(local.read_text())
        return Access(found["url"].rstrip("/"), found["token"], found.get("certificate"))
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
    context = (
        ssl.create_default_context(cafile=access.certificate)
        if access.url.startswith("https:")
        else None
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310
            yield answer
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error.code, error.read(MAX_ANSWER)) from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise UnreachableError(f"no answer from {access.url}: {reason}") from error


def _refusal(status: int, data: bytes) -> ApiError:
    try:
        answer = json.loads(data)
        return ApiError(str(answer["detail"]), code=str(answer["code"]))
    except (ValueError, KeyError, TypeError):
        return ApiError(f"the box answered with HTTP status {status}", code="failed")
