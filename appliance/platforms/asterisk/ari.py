"""The client's side of ARI: requests, and the events of one WebSocket."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from pydantic import ValidationError
from pydantic_core import from_json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.errors import NotFoundError, RefusedError, SignInError
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.trust import unreachable
from appliance.platforms.protocol import PlatformError

log = logging.getLogger(__name__)

SECONDS_BETWEEN_PINGS = 5.0
SECONDS_TO_CLOSE = 1.0
EVERYTHING = "channel:,bridge:"
"""All channels and bridges, and not the endpoints, whose comings and goings are no calls.

With ``subscribeAll`` Asterisk 22.10 crashed, once in some fifty times, when an endpoint went away
in the moment in which the application was destroyed, as at each of our disconnections.
"""
OnEvent = Callable[[wire.Event], None]


class Ari:
    """ARI of one server, from `open` to `close`; it is not used again afterwards."""

    def __init__(self, settings: AsteriskSettings, app: str, context: ssl.SSLContext | None):
        self.app = app
        self._settings = settings
        self._context = context
        self._socket: ClientConnection | None = None
        self._closed = False
        password = settings.password.get_secret_value()
        self._client = httpx.AsyncClient(
            base_url=f"{settings.url.rstrip('/')}/ari/",
            auth=(settings.user, password),
            timeout=settings.request_timeout,
            headers={"Accept-Encoding": "identity"},  # a bound on what arrives bounds what is read
            verify=context or False,  # False only where the address is not https
            trust_env=False,  # never by way of a proxy that the environment names
        )
        token = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, **parameters: str
    ) -> Any:
        """One request, and its answer. Raises `PlatformError`: refused, late, or lost."""
        if self._closed:  # whoever asks began before the connection went
            raise unreachable(self._settings.url, ConnectionResetError())
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                return await self._ask(method, path, body, parameters)
        except (httpx.TransportError, TimeoutError) as error:
            raise unreachable(self._settings.url, error) from error

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, parameters: dict[str, str]
    ) -> Any:
        """Whatever the answer is, it is read within bounds."""
        async with self._client.stream(method, path, params=parameters, json=body) as answer:
            read = bytearray()
            if "content-encoding" in answer.headers:
                raise PlatformError(
                    f"What answers at {self._settings.url} is not Asterisk; correct the address."
                )
            async for piece in answer.aiter_bytes():
                read += piece
                if len(read) > wire.MAX_ANSWER:
                    raise PlatformError("Asterisk's answer is too long for this box.")
        if answer.status_code in (401, 403):
            raise SignInError(
                "Asterisk does not accept the user and password for ARI, or they may only read; "
                "correct them in the settings or in its ari.conf.",
                code=EndReason.FAILED,
            )
        if answer.status_code == 404:
            raise NotFoundError("Asterisk does not have it any more.", code=EndReason.CALL_ENDED)
        if method == "DELETE" and answer.status_code == 409:
            raise NotFoundError("It is being removed already.", code=EndReason.CALL_ENDED)
        if answer.status_code in (400, 422) and path.endswith(("/addChannel", "/removeChannel")):
            raise NotFoundError("A channel has just gone.", code=EndReason.CALL_ENDED)
        if not answer.is_success:
            log.warning("Asterisk refused %s %s: %s", method, path, answer.status_code)
            raise RefusedError(f"Asterisk refused a request ({answer.status_code}); try again.")
        try:
            return from_json(read) if read else None
        except ValueError as error:
            raise PlatformError(
                f"What answers at {self._settings.url} is not Asterisk; correct the address."
            ) from error

    async def get(self, path: str, **parameters: str) -> Any:
        """Ask for something."""
        return await self.ask("GET", path, None, **parameters)

    async def post(self, path: str, body: dict[str, Any] | None = None, **parameters: str) -> Any:
        """Make or do something."""
        return await self.ask("POST", path, body, **parameters)

    async def delete(self, path: str) -> None:
        """Remove something; it may be gone already."""
        try:
            await self.ask("DELETE", path)
        except NotFoundError:
            log.debug("gone already: %s", path)

    async def channels(self) -> list[wire.Channel]:
        """All channels. Raises `PlatformError`."""
        return _read(wire.channels.validate_python, await self.get("channels"))

    async def bridges(self) -> list[wire.Bridge]:
        """All bridges. Raises `PlatformError`."""
        return _read(wire.bridges.validate_python, await self.get("bridges"))

    async def open(self) -> None:
        """Begin to take events; nothing is lost between this and `read`."""
        url = self._settings.url.rstrip("/").replace("http", "ws", 1)
        query = urlencode({"app": self.app})
        secured = url.startswith("wss:")  # the leg's address alone may be, too
        options: dict[str, Any] = {"ssl": self._context} if secured else {}
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                self._socket = await connect(
                    f"{url}/ari/events?{query}",
                    additional_headers=self._headers,
                    max_size=wire.MAX_EVENT,
                    compression=None,
                    ping_interval=SECONDS_BETWEEN_PINGS,
                    ping_timeout=self._settings.request_timeout,
                    close_timeout=SECONDS_TO_CLOSE,
                    proxy=None,
                    **options,
                )
        except InvalidStatus as error:
            if error.response.status_code in (401, 403):
                raise SignInError(
                    "Asterisk does not accept the user and password for ARI; "
                    "correct them in the settings."
                ) from error
            raise unreachable(self._settings.url, error) from error
        except (OSError, TimeoutError, ValueError, InvalidHandshake, InvalidURI) as error:
            raise unreachable(self._settings.url, error) from error
        where = path("applications", self.app, "subscription")
        await self.post(where, eventSource=EVERYTHING)

    async def read(self, on_event: OnEvent) -> None:
        """Take events until the connection is lost; what is not understood is dropped."""
        assert self._socket is not None
        complained = False
        try:
            async for data in self._socket:
                try:
                    if (event := _event(data)) is not None:
                        on_event(event)
                except (ValidationError, ValueError) as error:
                    if not complained:
                        log.warning("dropped from Asterisk: %s", type(error).__name__)
                    complained = True
        except ConnectionClosed:
            log.debug("the connection to ARI broke")

    async def close(self) -> None:
        """Close politely, within a second."""
        self._closed = True
        if self._socket is not None:
            await self._socket.close()
        await self._client.aclose()


def _event(data: str | bytes) -> wire.Event | None:
    """The event, or None when it is one that we do not listen to."""
    message = from_json(data)  # which, unlike json, gives up at deep nesting with a ValueError
    kind = message.get("type") if isinstance(message, dict) else None
    if isinstance(kind, str) and kind not in wire.HEARD:
        return None
    return wire.Event.model_validate(message)


def _read(validate: Callable[[Any], list[Any]], data: Any) -> list[Any]:
    try:
        return validate(data)
    except ValidationError as error:
        raise PlatformError("Asterisk's answer is none that this box understands.") from error


def path(*parts: str) -> str:
    """A path of ARI; a part may be anything."""
    return "/".join(quote(part, safe="") for part in parts)
