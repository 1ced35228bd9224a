"""Binding the address of record to a connection, and refreshing that (RFC 3261 section 10)."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.platforms.sip import timer
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.client import Client, Draft
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Message, parameter, split

log = logging.getLogger(__name__)

SECONDS_TO_LEAVE = 1.0
_NOT_LET_IN = (401, 403, 404, 407)


class Registration:
    """One endpoint's, whatever connection it is on."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._call_id, self._tag = secrets.token_hex(10), secrets.token_hex(8)
        self._numbers = itertools.count(1)

    async def begin(self, client: Client) -> float:
        """Seconds that it lasts. Raises `SipError` in words."""
        with self._in_words():
            return await self._register(client, self._account.expires_s)

    async def ask(self, client: Client) -> None:
        """Whether we would be let in: sign in, and change no binding (RFC 3261 section 10.2.3).

        Where a server does not take that, we register for a moment. Raises `SipError` in words.
        """
        with self._in_words():
            try:
                await client.exchange(self._draft(binds=False))
            except SipError as error:
                if not error.status or error.status in _NOT_LET_IN:
                    raise
                await self._register(client, self._account.expires_s)
                await self.end(client)

    async def keep(self, client: Client, lasts: float) -> None:
        """Refresh for ever. Raises `SipError` when that is refused, or not answered."""
        while True:
            await asyncio.sleep(lasts / 2)
            lasts = await self.begin(client)

    async def end(self, client: Client) -> None:
        """Take the binding back, for a moment's length: calls go elsewhere at once."""
        try:
            async with asyncio.timeout(SECONDS_TO_LEAVE):
                await self._register(client, 0)
        except (SipError, TimeoutError) as error:
            log.debug("still registered: %s", error)

    async def _register(self, client: Client, expires_s: int) -> float:
        draft = self._draft(binds=True)
        draft.headers.append(("Expires", str(expires_s)))
        request, response = await client.exchange(draft)
        return _granted(response, client.transport.host) or float(request.get("Expires"))

    def _draft(self, *, binds: bool) -> Draft:
        own = self._account.address
        headers = [
            ("From", f"<{own}>;tag={self._tag}"),
            ("To", f"<{own}>"),
            ("Call-ID", self._call_id),
        ]
        uri = f"sip:{self._account.domain}"
        return Draft("REGISTER", uri, headers, self._numbers.__next__, binds=binds)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except SipError as error:
            if error.status not in _NOT_LET_IN:
                raise
            raise SipError(
                f"The SIP server does not let the leg's endpoint {self._account.name!r} in; "
                "correct its name, user and password in the settings.",
                status=error.status,
            ) from error


def _granted(response: Message, host: str) -> float:
    """What the server says of our own binding; there may be others."""
    bindings = [one for line in response.all("Contact") for one in split(line)]
    ours = next((one for one in bindings if host in one), "")
    return float(timer.seconds(parameter(ours, "expires") or response.get("Expires")) or 0)
