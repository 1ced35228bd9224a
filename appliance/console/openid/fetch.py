"""Asks the provider: over TLS, within a time, for no more than fits; it is led nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from appliance.console.openid.errors import AnswerError, AwayError, harmless
from appliance.platforms import trust

LIMIT_S = 6.0
"""For one request, from the look-up of the name to the last byte."""
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object and the status that it came with."""

    status: int
    body: Mapping[str, Any]


async def ask(
    url: str,
    form: Mapping[str, str] | None = None,
    *,
    basic: tuple[str, str] | None = None,
    bearer: str = "",
) -> Answer:
    """GET *url*, or POST *form* to it. Raises `AwayError`, `AnswerError`.

    A status of 4xx is an answer if it comes with a JSON object (RFC 6749, 5.2).
    """
    # Loading it takes a tenth of a second, which a start of control saves without a provider.
    await asyncio.to_thread(import_module, "httpx")
    import httpx

    try:
        async with asyncio.timeout(LIMIT_S):
            return await _ask(url, form, basic, bearer)
    except TimeoutError as error:
        raise AwayError("no answer in time") from error
    except httpx.InvalidURL as error:
        raise AwayError("its address cannot be used") from error
    except (httpx.HTTPError, OSError) as error:
        words = trust.tls_fault(url, error)
        raise AwayError(words.rstrip(".") if words else _why(error)) from error


async def _ask(
    url: str, form: Mapping[str, str] | None, basic: tuple[str, str] | None, bearer: str
) -> Answer:
    import httpx

    # The system's authorities and those of the site, which may have changed since.
    context = await asyncio.to_thread(trust.client_context)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    auth = None if basic is None else httpx.BasicAuth(*basic)
    async with (
        httpx.AsyncClient(verify=context, timeout=LIMIT_S, trust_env=False) as client,
        client.stream(
            "GET" if form is None else "POST", url, data=form, headers=headers, auth=auth
        ) as answer,
    ):
        if answer.is_redirect:
            raise AnswerError("moved")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise AnswerError("encoded")
        data = b""
        async for piece in answer.aiter_raw():
            data += piece
            if len(data) > MAX_BYTES:
                raise AnswerError("too_large")
        return _read(answer.status_code, data)


def _read(status: int, data: bytes) -> Answer:
    if status >= 500:
        raise AwayError(f"status {status}")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        fault = AnswerError("not_json") if status == 200 else _status(status)
        raise fault from error
    if not isinstance(body, dict):
        raise AnswerError("not_json") if status == 200 else _status(status)
    return Answer(status, body)


def _status(status: int) -> AnswerError:
    return AnswerError("status", status=str(status))


def _why(error: Exception) -> str:
    return harmless(str(error) or type(error).__name__).rstrip(".")
