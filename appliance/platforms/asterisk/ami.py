"""The client's side of AMI: actions and their answers, and the events of one connection."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk.ami_text import AmiMessage, AmiReader, action
from appliance.platforms.asterisk.errors import NotFoundError, RefusedError, SignInError
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.trust import unreachable
from appliance.platforms.asterisk.wire import MAX_ANSWER
from appliance.platforms.protocol import PlatformError
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)

PORTS = {"tcp": 5038, "tls": 5039}
BANNER = b"Asterisk Call Manager/"
_NO_CHANNEL = ("No such channel", "Channel does not exist", "Channel not existent")
MAX_LISTED = 50_000
"""Items of one list, or events that come while lists are read."""
CHUNK = 64 * 1024
SECONDS_BETWEEN_PINGS = 5.0
SECONDS_TO_CLOSE = 1.0
LOST = "The connection to Asterisk was lost; it is being made again."
OnMessage = Callable[[AmiMessage], None]


class Ami:
    """AMI of one server, from `open` to `close`; it is not used again afterwards."""

    def __init__(self, settings: AsteriskSettings, context: ssl.SSLContext | None) -> None:
        self._settings, self._context = settings, context
        self._numbers = itertools.count(1)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Future[AmiMessage]] = {}
        self._lists: dict[str, Pile] = {}
        self._early = Pile()
        """Events before `read`."""
        self._on_event: OnMessage = self._keep
        self._lost = False

    async def open(self) -> None:
        """Connect, sign in and take events; nothing is lost between this and `read`.

        Raises `PlatformError`; a `SignInError` when the server does not let us in.
        """
        url = urlsplit(self._settings.ami_url)
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                self._reader, self._writer = await asyncio.open_connection(
                    url.hostname or "",
                    url.port or PORTS[url.scheme],
                    limit=CHUNK,
                    ssl=self._context if url.scheme == "tls" else None,
                )
                banner = await self._reader.readline()
        except (OSError, TimeoutError, ValueError) as error:
            raise unreachable(self._settings.ami_url, error) from error
        if not banner.startswith(BANNER):
            raise PlatformError(
                f"What answers at {self._settings.ami_url} is not Asterisk's AMI; "
                "correct the address.",
                code=EndReason.PLATFORM_LOST,
            )
        self._reading = asyncio.create_task(self._read(self._reader), name="AMI reader")
        await self._sign_in()

    async def _sign_in(self) -> None:
        """By challenge, so that the password does not travel. Raises `SignInError`."""
        password = self._settings.password.get_secret_value()
        try:
            challenge = (await self.ask("Challenge", AuthType="MD5")).get("Challenge")
            proof = hashlib.md5(f"{challenge}{password}".encode(), usedforsecurity=False)
            await self.ask(
                "Login",
                AuthType="MD5",
                Username=self._settings.user,
                Key=proof.hexdigest(),
                Events="call,dialplan",
            )
        except RefusedError as error:
            raise SignInError(
                "Asterisk does not accept the user and password for AMI; "
                "correct them in the settings or in its manager.conf."
            ) from error

    async def ask(self, name: str, **fields: str) -> AmiMessage:
        """One action, and its answer. Raises `PlatformError`: refused, late, or lost."""
        number = str(next(self._numbers))
        return await self._ask(name, number, fields)

    async def listed(self, name: str, **fields: str) -> list[AmiMessage]:
        """An action that answers with a list, and its items."""
        number = str(next(self._numbers))
        self._lists[number] = Pile()
        try:
            await self._ask(name, number, fields)
            return self._lists[number].messages
        finally:
            del self._lists[number]

    async def read(self, on_event: OnMessage) -> None:
        """Take events until the connection is lost, those first that came meanwhile.

        Raises `PlatformError` with what became of it.
        """
        assert self._reading is not None
        early, self._early = self._early, Pile()
        for message in early.messages:
            on_event(message)
        self._on_event = on_event
        while not self._reading.done():
            await asyncio.wait((self._reading,), timeout=SECONDS_BETWEEN_PINGS)
            if not self._reading.done():
                await self.ask("Ping")
        self._reading.result()
        raise PlatformError(LOST, code=EndReason.PLATFORM_LOST)

    async def close(self) -> None:
        """Close, within a second; the server needs no farewell."""
        await stop_tasks(self._reading)
        if self._writer is not None:
            self._writer.close()
            try:
                async with asyncio.timeout(SECONDS_TO_CLOSE):
                    await self._writer.wait_closed()
            except (OSError, TimeoutError):
                self._writer.transport.abort()

    async def _ask(self, name: str, number: str, fields: dict[str, str]) -> AmiMessage:
        if self._lost or self._writer is None:
            raise PlatformError(LOST, code=EndReason.PLATFORM_LOST)
        future: asyncio.Future[AmiMessage] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                self._writer.write(action(name, number, fields))
                await self._writer.drain()
                answer = await future
        except (OSError, TimeoutError) as error:
            raise unreachable(self._settings.ami_url, error) from error
        finally:
            del self._answers[number]
            if future.done() and not future.cancelled():
                future.exception()  # retrieved, also when the sending failed first
        if answer.get("Response") == "Error":
            raise _refusal(name, answer.get("Message"))
        return answer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """A server that is faster than we are waits: nothing is queued here."""
        messages = AmiReader()
        try:
            with contextlib.suppress(OSError):  # broken, not closed: as lost as the other way
                while data := await reader.read(CHUNK):
                    for message in messages.feed(data):
                        self._take(message)
        finally:
            self._lost = True
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(PlatformError(LOST, code=EndReason.PLATFORM_LOST))

    def _take(self, message: AmiMessage) -> None:
        number = message.get("ActionID")
        future = self._answers.get(number)
        if message.get("Response"):
            begins_list = number in self._lists and message.get("Response") != "Error"
            if future is not None and not future.done() and not begins_list:
                future.set_result(message)
        elif number and (items := self._lists.get(number)) is not None:
            if message.get("EventList") == "Complete":
                if future is not None and not future.done():
                    future.set_result(message)
            else:
                items.add(message)
        else:
            self._on_event(message)

    def _keep(self, event: AmiMessage) -> None:
        self._early.add(event)


class Pile:
    """Messages that wait for the last one; so many, and of so many bytes at most."""

    def __init__(self) -> None:
        self.messages: list[AmiMessage] = []
        self._room = MAX_ANSWER

    def add(self, message: AmiMessage) -> None:
        """Raises `PlatformError` when it is full."""
        self._room -= message.size
        if self._room < 0 or len(self.messages) >= MAX_LISTED:
            raise PlatformError("Asterisk has more calls than this box can list.")
        self.messages.append(message)


def _refusal(name: str, why: str) -> PlatformError:
    if why.startswith(_NO_CHANNEL):
        return NotFoundError("Asterisk does not have it any more.", code=EndReason.CALL_ENDED)
    if why == "Permission denied":
        return SignInError(
            f"Asterisk's AMI does not permit {name}; give the user the classes read=call,dialplan "
            "and write=call,reporting in its manager.conf."
        )
    log.warning("Asterisk refused %s", name)
    return RefusedError(f"Asterisk refused {name}; try again.")
