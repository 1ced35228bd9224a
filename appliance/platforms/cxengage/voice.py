"""Signalling with the voice gateway: JSON texts over one WebSocket, here and in ``voice_wire.py``.

The protocol is not documented for third parties, and nothing else knows it. Whatever is
not known is said once in the log and dropped. There is no trickle and no
ICE server: descriptions go whole, both ways.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.line import Invite, Line
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.voice_socket import addresses, open_socket, suffix_of
from appliance.platforms.cxengage.voice_wire import BEAT, Ended, Fault, Word, parse
from appliance.platforms.protocol import PlatformError
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)

VERSION = "1.6"
SEND_S = 5.0
SILENCE_S = 15.0
"""Without a word or a heartbeat the connection counts as lost."""
REGISTER_EVERY_S = 30.0
REATTACH_S = 30
"""What we ask the gateway to keep a call for while signalling is lost."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 5.0
TOKEN_PAUSE_S = 2.0
"""Between two readings of the configuration for a token that the gateway takes."""
NOT_REGISTERED = (
    "The voice gateway of CxEngage does not let the box register; "
    "check that the network permits secure WebSockets to it, then try again."
)
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


class Voice(Line):
    """The line that leads through the voice gateway."""

    def __init__(
        self,
        settings: CxEngageSettings,
        oddities: Oddities,
        *,
        on_ended: Callable[[str], None],
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(NOT_REGISTERED, on_ended)
        self._settings = settings
        self._oddities = oddities
        self._renew = renew
        self._token: SecretStr | None = None
        self._region = ""
        self._socket: ClientConnection | None = None
        self._call: _Call | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._token_refused = False

    @property
    def holds_call(self) -> bool:
        """Whether a call is up on it."""
        return self._call is not None

    async def use(self, token: SecretStr, region: object) -> None:
        """A (new) token; a standing connection hears of it at once."""
        self._token = token
        self._region = suffix_of(region)
        if self._socket is not None:
            await self._send("listen", self._greeting())

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
                ready = await self._live_through_one(number % len(self._settings.voice_urls))
                pause = FIRST_PAUSE_S if ready else min(2 * pause, LONGEST_PAUSE_S)
                number += 0 if ready else 1
                await asyncio.sleep(pause)
        finally:
            await stop_tasks(self._renewing)

    async def _live_through_one(self, number: int) -> bool:
        """From connecting to the loss; whether it got as far as being ready."""
        urls = addresses(self._settings, self._region)
        try:
            socket = await open_socket(urls[number], self._settings.ca_file)
        except PlatformError as error:
            log.info("%s", error.detail)
            self._is_down(error.detail)
            return False
        self._socket = socket
        registering: asyncio.Task[None] | None = None
        got_ready = False
        try:
            await self._send("listen", self._greeting())
            while (text := await _next(socket)) is not None:
                if text in (BEAT, BEAT.encode()):
                    await self._send_text(BEAT)
                    continue
                message = parse(text, self._oddities)
                if message == Word("connected") and registering is None:
                    registering = asyncio.create_task(self._register())
                    await self._reattach()
                elif message == Word("ready"):
                    got_ready = True
                    self._is_up()
                else:
                    await self._heard(message)
        except ConnectionClosed:
            log.info("the connection to the voice gateway broke")
        except asyncio.CancelledError:
            if self._call is not None:  # else the gateway would wait for us to re-attach it
                await self.hang_up(self._call.invite.callsid)
            raise
        finally:
            self._socket = None
            self._is_down(NOT_REGISTERED)
            await stop_tasks(registering)
            await socket.close()
        return got_ready

    async def _register(self) -> None:
        while True:
            await self._send("register", {"media": {"audio": True}})
            await asyncio.sleep(REGISTER_EVERY_S)

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
        if not self._taken(invite):
            log.warning("a call that nobody asked for is rejected")
            await self._send("reject", {"callsid": invite.callsid})

    def _over(self, callsid: str) -> None:
        if self._call is not None and self._call.invite.callsid == callsid:
            self._call = None
        super()._over(callsid)

    def _ask_for_token(self) -> None:
        """Have the configuration read again, which calls `use`; never in a tight loop."""
        self._token_refused = True
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._new_token(), name="voice token")

    async def _new_token(self) -> None:
        while self._token_refused:
            self._token_refused = False
            try:
                await self._renew()
            except PlatformError as error:
                log.warning("the voice token is not renewed yet: %s", error.detail)
                self._token_refused = True
            await asyncio.sleep(TOKEN_PAUSE_S)

    def _greeting(self) -> dict[str, Any]:
        token = self._token.get_secret_value() if self._token is not None else ""
        return {"token": token, "browserinfo": BROWSER, "reconnectTimeout": REATTACH_S}

    async def _send(self, kind: str, payload: dict[str, Any]) -> bool:
        """Whether it could be sent."""
        return await self._send_text(
            json.dumps({"type": kind, "version": VERSION, "payload": payload})
        )

    async def _send_text(self, text: str) -> bool:
        if self._socket is None:
            return False
        try:
            async with asyncio.timeout(SEND_S):
                await self._socket.send(text)
        except (ConnectionClosed, TimeoutError):
            return False
        return True


async def _next(socket: ClientConnection) -> str | bytes | None:
    """The next text; None after too long a silence."""
    try:
        async with asyncio.timeout(SILENCE_S):
            return await socket.recv()
    except TimeoutError:
        log.warning("the voice gateway is silent; connecting again")
        return None
