"""Requests to the REST interface: token, repetition of 5xx, time limits, and errors in words."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from urllib.parse import quote

import httpx

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.answers import Token, read
from appliance.platforms.cxengage.jsontext import load
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.trust import context_of, untrusted
from appliance.platforms.protocol import PlatformError

MOST_BYTES = 8 * 1024 * 1024
"""Of one answer; ten thousand calls fit."""
FIRST_PAUSE_S = 0.2
"""Before a 5xx is tried again; doubled each time."""
RENEW_AT = 0.75
"""Share of a token's life after which it is renewed."""

# They write each request, and at debug level its headers with the token, into the log.
for _name in ("httpx", "httpcore", "botocore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class StatusError(PlatformError):
    """The platform answered with *status*; *said* is its body, bounded, for matching only."""

    def __init__(self, detail: str, status: int, said: str = "", code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.said = said


def path_of(*parts: str) -> str:
    """A path of *parts*, each quoted whole."""
    return "/".join(quote(part, safe="") for part in parts)


async def make_client(settings: CxEngageSettings) -> httpx.AsyncClient:
    """A client that follows no redirect and no proxy. Raises `UntrustedError`."""
    plain = settings.base_url.startswith("http:") and settings.sqs_endpoint.startswith("http:")
    context = False if plain else await context_of(settings.ca_file)
    headers = {"Accept-Encoding": "identity"}  # a packed body could be a thousand times as long
    return httpx.AsyncClient(verify=context, trust_env=False, timeout=None, headers=headers)  # noqa: S113


async def read_bounded(response: httpx.Response, most: int = MOST_BYTES) -> bytes:
    """The body, unless it is packed. Raises `PlatformError`, also beyond *most* bytes."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise PlatformError(
            "CxEngage answered in a packed form that nobody asked for; "
            "tell whoever maintains the box."
        )
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > most:
            raise PlatformError("CxEngage answered far too much; tell whoever maintains the box.")
    return bytes(body)


class Rest:
    """The account's access to the REST interface."""

    def __init__(
        self, settings: CxEngageSettings, client: httpx.AsyncClient, oddities: Oddities
    ) -> None:
        self.client = client
        self.oddities = oddities
        self._settings = settings
        self._token: Token | None = None
        self._renew_at = 0.0
        self._signing_in = asyncio.Lock()

    async def get(self, *parts: str, query: str = "") -> Any:
        """The answer's JSON. Raises `PlatformError`."""
        return await self._asked("GET", path_of(*parts) + query, None)

    async def post(self, *parts: str, body: Any = None) -> Any:
        """The answer's JSON. Raises `PlatformError`."""
        return await self._asked("POST", path_of(*parts), body)

    async def _asked(self, method: str, path: str, body: Any) -> Any:
        limit = self._settings.request_timeout
        try:
            async with asyncio.timeout(limit):
                return await self._with_token(method, path, body)
        except TimeoutError as error:
            raise PlatformError(
                f"CxEngage did not answer within {limit:g} s; try again, or check the network.",
                code=EndReason.PLATFORM_LOST,
            ) from error

    async def _with_token(self, method: str, path: str, body: Any) -> Any:
        token = await self.sign_in()
        try:
            return await self._repeated(method, path, body, token)
        except StatusError as error:
            if error.status != httpx.codes.UNAUTHORIZED:
                raise
        return await self._repeated(method, path, body, await self.sign_in(instead_of=token))

    async def sign_in(self, instead_of: Token | None = None) -> Token:
        """A token that is good; a new one if it is old or was refused. Raises `PlatformError`."""
        async with self._signing_in:
            old = self._token
            if old is not None and old is not instead_of and time.monotonic() < self._renew_at:
                return old
            settings = self._settings
            body = {
                "username": settings.user,
                "password": settings.password.get_secret_value(),
                "ttl": settings.token_ttl,
            }
            try:
                async with asyncio.timeout(settings.request_timeout):
                    said = await self._repeated("POST", "tokens", body, None)
            except TimeoutError as error:
                raise PlatformError(
                    f"CxEngage did not let the box in within {settings.request_timeout:g} s; "
                    "check the network, or the address in the settings.",
                    code=EndReason.PLATFORM_LOST,
                ) from error
            except StatusError as error:
                if error.status >= httpx.codes.INTERNAL_SERVER_ERROR:
                    raise
                raise StatusError(
                    "CxEngage does not let the box in: correct user and password in the settings.",
                    error.status,
                    code="sign_in_refused",
                ) from error
            self._token = read(Token, said, self.oddities)
            self._renew_at = time.monotonic() + RENEW_AT * settings.token_ttl
            return self._token

    async def _repeated(self, method: str, path: str, body: Any, token: Token | None) -> Any:
        """Ask until it is no 5xx; `_asked` or the caller limits how long that goes on."""
        pause = FIRST_PAUSE_S
        begun = time.monotonic()
        while True:
            try:
                return await self._once(method, path, body, token)
            except StatusError as error:
                late = time.monotonic() - begun + pause > self._settings.request_timeout / 2
                if error.status < httpx.codes.INTERNAL_SERVER_ERROR or late:
                    raise
            await asyncio.sleep(pause)
            pause *= 2

    async def _once(self, method: str, path: str, body: Any, token: Token | None) -> Any:
        if self.client.is_closed:  # by the end of its session, which somebody has outlived
            raise PlatformError(
                "The box's session at CxEngage has ended; try again.", code=EndReason.PLATFORM_LOST
            )
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Token {token.token.get_secret_value()}"
        url = self._settings.base_url.rstrip("/") + "/" + path
        try:
            async with self.client.stream(method, url, headers=headers, json=body) as response:
                raw = await read_bounded(response)
        except httpx.HTTPError as error:
            where = f"CxEngage at {self._settings.base_url}"
            raise untrusted(error, where) or PlatformError(
                f"{where} cannot be reached; check the network, "
                "or correct its address in the settings.",
                code=EndReason.PLATFORM_LOST,
            ) from error
        except (httpx.InvalidURL, ValueError) as error:  # a name that no resolver takes, too
            raise PlatformError("CxEngage's address in the settings is no address.") from error
        if response.status_code != httpx.codes.OK:
            raise self._refused(response.status_code, raw)
        try:
            return load(raw)
        except ValueError as error:
            raise PlatformError("CxEngage answered something that is not JSON; try again.") from (
                error
            )

    def _refused(self, status: int, raw: bytes) -> StatusError:
        said = raw[:2000].decode(errors="replace")
        match status:
            case 401:
                return StatusError("CxEngage wants the box to sign in again.", status, said)
            case 403:
                return StatusError(
                    "CxEngage does not permit this to the box's account; "
                    "a tenant administrator can.",
                    status,
                    said,
                    EndReason.NOT_PERMITTED,
                )
            case 404:
                return StatusError("CxEngage does not know this any more.", status, said)
            case _ if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                words = f"CxEngage has a fault of its own ({status}); try again later."
                return StatusError(words, status, said, EndReason.PLATFORM_LOST)
        self.oddities.note("status", status)
        return StatusError(f"CxEngage refused the request ({status}).", status, said)
