"""The platform's way to a SIP address: a trunk of the site's own PBX, signalled over WebSocket.

[I] The call comes as any other does, from one number of the platform. [?] Whether anything in it
tells which interaction it belongs to: here nothing does. Only the SIP user agent is shared with the
box, and a real PBX stands between the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pydantic import SecretStr

from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import Dialog, IncomingCall
from appliance.platforms.sip.errors import SipError
from tests.platforms.cxengage.standin.settings import TrunkSettings
from tests.platforms.cxengage.standin.tenant import User

log = logging.getLogger(__name__)
BUSY = 486
PAUSE_S = 0.5


async def _nothing(*_: str) -> None:
    """Until the engine is there."""


class Trunk:
    """All calls to SIP addresses."""

    def __init__(self, settings: TrunkSettings) -> None:
        name, password = settings.user, SecretStr(settings.password)
        self._agent = UserAgent(Account(settings.ws_url, name, name, password), self._called)
        self.calls: dict[str, User] = {}
        """Whose call it is, by callsid."""
        self.on_answer: Callable[[str, str], Awaitable[None]] = _nothing
        self.on_hangup: Callable[[str], Awaitable[None]] = _nothing
        self._dialogs: dict[str, Dialog] = {}
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._jobs: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether the PBX takes calls from us."""
        return self._agent.registered.is_set()

    async def run(self) -> None:
        """Stay registered, for ever."""
        while True:
            try:
                await self._agent.run(None)
            except SipError as error:
                log.warning("trunk: %s", error.detail)
            await asyncio.sleep(PAUSE_S)

    async def invite(self, user: User, callsid: str, offer: str) -> None:
        """Call the user's address; `on_answer` or `on_hangup` follows."""
        self.calls[callsid] = user
        self._dialling[callsid] = self._job(self._dial(user, callsid, offer))

    async def stray(self, user: User, offer: str) -> int:
        """Call without being asked to: the status of the refusal, or 200."""
        try:
            dialog, _ = await self._agent.invite(address_of(user), offer)
        except SipError as error:
            return error.status
        await dialog.bye()
        return 200

    async def cancel(self, user: User, callsid: str) -> None:
        """Give up before the answer."""
        if (dialling := self._dialling.pop(callsid, None)) is not None:
            dialling.cancel()

    async def hang_up(self, user: User, callsid: str) -> None:
        """End the call."""
        await self.cancel(user, callsid)
        if (dialog := self._dialogs.pop(callsid, None)) is not None:
            self._job(self._bye(dialog))

    def forget(self, callsid: str) -> None:
        """The call is over."""
        self.calls.pop(callsid, None)

    async def _dial(self, user: User, callsid: str, offer: str) -> None:
        try:
            dialog, answer = await self._agent.invite(address_of(user), offer)
        except SipError as error:
            log.warning("trunk: %s", error.detail)
            self.forget(callsid)
            await self.on_hangup(callsid)
            return
        self._dialling.pop(callsid, None)
        self._dialogs[callsid] = dialog
        await self.on_answer(callsid, answer)
        await dialog.ended.wait()
        self._dialogs.pop(callsid, None)
        self.forget(callsid)
        await self.on_hangup(callsid)

    async def _bye(self, dialog: Dialog) -> None:
        try:
            await dialog.bye()
        except SipError as error:
            log.warning("trunk: %s", error.detail)

    def _called(self, call: IncomingCall) -> None:
        self._job(call.reject(BUSY))

    def _job(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return task


def address_of(user: User) -> str:
    """Where the user's extension is."""
    return str((user.extension or {}).get("value", ""))
