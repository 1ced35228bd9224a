"""Signalling with the voice gateway: JSON texts over one WebSocket, here and in ``voice_wire.py``.

The protocol is not documented for third parties, and nothing else knows it. Whatever is
not known is said once in the log and dropped. There is no trickle and no
ICE server: descriptions go whole, both ways.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.voice_wire import BEAT, Ended, Fault, Invite, Word, parse
from appliance.platforms.protocol import PlatformError
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)
_frames = logging.getLogger(f"{__name__}.frames")
_frames.setLevel(logging.WARNING)  # at debug level it would write the token into the log

VERSION = "1.6"
MOST_BYTES = 256 * 1024
CONNECT_S = 5.0
SILENCE_S = 15.0
"""Without a word or a heartbeat the connection counts as lost."""
REGISTER_EVERY_S = 30.0
REATTACH_S = 30
"""What we ask the gateway to keep a call for while signalling is lost."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 5.0
TOKEN_CODES = frozenset({31201, 31204, 31205})
BROWSER = {
    "p": "browser",
    "plugin": "rtc",
    "v": "2.11.0",
    "browser": {"platform": "Linux", "userAgent": "Bargebox"},
}


@dataclass(slots=True)
class _Call:
    """The call that we answered, as far as re-attaching needs it."""

    invite: Invite
    answer: str


class Voice:
    """One registration at the gateway, made again when it is lost; at most one call."""

    def __init__(
        self,
        settings: CxEngageSettings,
        oddities: Oddities,
        *,
        on_ended: Callable[[str], None],
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._oddities = oddities
        self._on_ended = on_ended
        self._renew = renew
        self._token: SecretStr | None = None
        self._region = ""
        self._socket: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._expected: asyncio.Future[Invite] | None = None
        self._call: _Call | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._over_lately: deque[str] = deque(maxlen=50)

    async def use(self, token: SecretStr, region: object) -> None:
        """A (new) token; a standing connection hears of it at once."""
        self._token = token
        fits = isinstance(region, str) and re.fullmatch(r"[a-z0-9-]{1,32}", region)
        self._region = f"-{region}" if fits and region != "default" else ""
        if self._socket is not None:
            await self._send("listen", self._greeting())

    async def until_ready(self, limit_s: float) -> None:
        """Wait for the registration. Raises `PlatformError` after *limit_s*."""
        try:
            async with asyncio.timeout(limit_s):
                await self._ready.wait()
        except TimeoutError as error:
            raise PlatformError(
                "The voice gateway of CxEngage does not let the box register; "
                "check that the network permits secure WebSockets to it, then try again.",
                code=EndReason.PLATFORM_LOST,
            ) from error

    def expect(self) -> asyncio.Future[Invite]:
        """Take the next invite; any that nobody expects is rejected."""
        self.expect_nothing()
        self._expected = asyncio.get_running_loop().create_future()
        return self._expected

    def expect_nothing(self) -> None:
        """Reject what comes from now on."""
        if self._expected is not None:
            self._expected.cancel()
        self._expected = None

    async def answer(self, invite: Invite, answer: str) -> None:
        """Take the call. Raises `PlatformError` when the gateway cannot be told."""
        self._call = _Call(invite, answer)
        if not await self._send("answer", {"sdp": answer, "callsid": invite.callsid}):
            raise PlatformError(
                "The connection to the voice gateway of CxEngage was lost; try again.",
                code=EndReason.PLATFORM_LOST,
            )

    async def hang_up(self, callsid: str) -> None:
        """Let the media leg go. Without a connection it is not re-attached, which ends it too."""
        if self._call is not None and self._call.invite.callsid == callsid:
            self._call = None
        await self._send("hangup", {"callsid": callsid})

    # -- the connection's life

    async def run(self) -> None:
        """Stay registered, for ever."""
        pause = FIRST_PAUSE_S
        number = 0
        try:
            while True:
                ready = await self._live_through_one(number)
                pause = FIRST_PAUSE_S if ready else min(2 * pause, LONGEST_PAUSE_S)
                number += 0 if ready else 1
                await asyncio.sleep(pause)
        finally:
            await stop_tasks(self._renewing)

    async def _live_through_one(self, number: int) -> bool:
        """From connecting to the loss; whether it got as far as being ready."""
        urls = self._settings.voice_urls
        url = urls[number % len(urls)].replace("{edge}", self._settings.voice_edge)
        socket = await open_socket(url.replace("{region}", self._region))
        if socket is None:
            self._oddities.note("failure", "the voice gateway cannot be reached")
            return False
        self._socket = socket
        registering: asyncio.Task[None] | None = None
        got_ready = False
        try:
            await self._send("listen", self._greeting())
            while (text := await _next(socket)) is not None:
                if text in (BEAT, BEAT.encode()):
                    await socket.send(BEAT)
                    continue
                message = parse(text, self._oddities)
                if message == Word("connected") and registering is None:
                    registering = asyncio.create_task(self._register())
                    await self._reattach()
                elif message == Word("ready"):
                    got_ready = True
                    self._ready.set()
                else:
                    await self._heard(message)
        except ConnectionClosed:
            log.info("the connection to the voice gateway broke")
        finally:
            self._socket = None
            self._ready.clear()
            await stop_tasks(registering)
            await socket.close()
        return got_ready

    async def _register(self) -> None:
        while True:
            await self._send("register", {"media": {"audio": True}})
            await asyncio.sleep(REGISTER_EVERY_S)

    async def unregister(self) -> None:
        """Take no further calls."""
        await self._send("register", {"media": {"audio": False}})

    async def _reattach(self) -> None:
        call = self._call
        if call is None:
            return
        payload = {"callsid": call.invite.callsid, "sdp": call.answer, "twilio": {}}
        await self._send("invite", {**payload, "reconnect": call.invite.reconnect})

    async def _heard(self, message: Invite | Ended | Fault | Word | None) -> None:
        if isinstance(message, Invite):
            await self._invited(message)
        elif isinstance(message, Ended):
            self._over(message.callsid)
        elif isinstance(message, Fault):
            self._oddities.note("voice error", message.code)
            if message.code in TOKEN_CODES:
                self._ask_for_token()
            elif message.callsid is not None:
                self._over(message.callsid)

    async def _invited(self, invite: Invite) -> None:
        if self._call is not None and self._call.invite.callsid == invite.callsid:
            return
        if self._expected is None or self._expected.done():
            log.warning("a call that nobody asked for is rejected")
            await self._send("reject", {"callsid": invite.callsid})
            return
        self._expected.set_result(invite)

    def is_over(self, callsid: str) -> bool:
        """Whether the gateway ended it, perhaps before anybody had looked at its invite."""
        return callsid in self._over_lately

    def _over(self, callsid: str) -> None:
        self._over_lately.append(callsid)
        if self._call is not None and self._call.invite.callsid == callsid:
            self._call = None
        self._on_ended(callsid)

    def _ask_for_token(self) -> None:
        """Read the configuration again, which calls `use`; one reading at a time."""

        async def ask() -> None:
            try:
                await self._renew()
            except PlatformError as error:
                log.warning("the voice token is not renewed yet: %s", error.detail)

        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(ask())

    def _greeting(self) -> dict[str, Any]:
        token = self._token.get_secret_value() if self._token is not None else ""
        return {"token": token, "browserinfo": BROWSER, "reconnectTimeout": REATTACH_S}

    async def _send(self, kind: str, payload: dict[str, Any]) -> bool:
        """Whether it could be sent."""
        if self._socket is None:
            return False
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._socket.send(
                    json.dumps({"type": kind, "version": VERSION, "payload": payload})
                )
        except (ConnectionClosed, TimeoutError):
            return False
        return True


async def open_socket(url: str) -> ClientConnection | None:
    """A connection to the gateway, if it answers within 5 s."""
    try:
        async with asyncio.timeout(CONNECT_S):
            return await connect(
                url,
                max_size=MOST_BYTES,
                compression=None,
                ping_interval=None,  # it has heartbeats of its own
                close_timeout=1.0,
                proxy=None,
                logger=_frames,
            )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        log.info("the voice gateway does not answer: %s", type(error).__name__)
        return None


async def _next(socket: ClientConnection) -> str | bytes | None:
    """The next text; None after too long a silence."""
    try:
        async with asyncio.timeout(SILENCE_S):
            return await socket.recv()
    except TimeoutError:
        log.warning("the voice gateway is silent; connecting again")
        return None
