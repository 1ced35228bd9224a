"""Requests to the REST interface: token, repetition of 5xx, time limits, and errors in words."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import Any
from urllib.parse import quote

import httpx

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.answers import Token, read
from appliance.platforms.cxengage.jsontext import load
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.protocol import PlatformError

MOST_BYTES = 16 * 1024 * 1024
"""Of one answer."""
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


async def make_client(url: str) -> httpx.AsyncClient:
    """A client that follows no redirect and no proxy; certificates are loaded in a thread."""
    secure = url.startswith("https:")
    context = await asyncio.to_thread(ssl.create_default_context) if secure else False
    return httpx.AsyncClient(
        verify=context,
        trust_env=False,
        timeout=None,  # noqa: S113
        headers={"Accept-Encoding": "identity"},
    )


async def read_bounded(response: httpx.Response, most: int = MOST_BYTES) -> bytes:
    """The body. Raises `PlatformError` when it is longer than *most* bytes, or compressed.

    Nobody asked for that, and a little of it can become far too much at once.
    """
    if "content-encoding" in response.headers:
        raise PlatformError(
            "CxEngage compressed an answer unasked; trying again.", code=EndReason.PLATFORM_LOST
        )
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > most:
            raise PlatformError("CxEngage answered far too much; tell whoever maintains the box.")
    return bytes(body)


def _is_about_certificate(error: BaseException) -> bool:
    """Whether that is at the bottom of it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return isinstance(cause, ssl.SSLCertVerificationError)


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
                said = await self._repeated("POST", "tokens", body, None)
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
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Token {token.token.get_secret_value()}"
        url = self._settings.base_url.rstrip("/") + "/" + path
        try:
            async with self.client.stream(method, url, headers=headers, json=body) as response:
                raw = await read_bounded(response)
        except httpx.HTTPError as error:
            if _is_about_certificate(error):
                raise PlatformError(
                    f"The certificate of {self._settings.base_url} is not trusted; whoever "
                    "looks after the network can tell what stands between, or trust it.",
                    code=EndReason.PLATFORM_LOST,
                ) from error
            raise PlatformError(
                f"CxEngage at {self._settings.base_url} cannot be reached; check the network, "
                "or correct its address in the settings.",
                code=EndReason.PLATFORM_LOST,
            ) from error
        except httpx.InvalidURL as error:
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
