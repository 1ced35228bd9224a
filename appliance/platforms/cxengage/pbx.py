"""The line through the site's own PBX: the platform calls a SIP address that the box registers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from fnmatch import fnmatchcase

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.line import Invite, Line
from appliance.platforms.cxengage.settings import CxEngageSettings, SipSettings
from appliance.platforms.cxengage.trust import context_of
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import Dialog, IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.service.jobs import Jobs
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)

BUSY, GIVEN_UP = 486, 487
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 5.0
PART_S = 1.0
"""How long parting from a call may take when the line is given up."""
NOT_REGISTERED = (
    "The box is not registered at the site's PBX; "
    "check the section platform.cxengage.sip of the settings."
)


def account_of(settings: SipSettings) -> Account:
    """Who registers at the PBX."""
    return Account(
        settings.ws_url,
        settings.endpoint,
        settings.user or settings.endpoint,
        settings.password,
    )


async def check_pbx(settings: CxEngageSettings) -> None:
    """Sign in once; whoever is registered stays so. Raises `PlatformError` in words."""
    agent = UserAgent(account_of(settings.sip), lambda _call: None, settings.request_timeout)
    try:
        await agent.check(await context_of(settings.sip.ca_file))
    except SipError as error:
        raise PlatformError(error.detail, code=EndReason.PLATFORM_LOST) from error


class Pbx(Line):
    """Takes the one call that is expected, of the caller that the settings name."""

    def __init__(self, settings: CxEngageSettings, on_ended: Callable[[str], None]) -> None:
        super().__init__(NOT_REGISTERED, on_ended)
        self._settings = settings.sip
        self._agent = UserAgent(account_of(settings.sip), self._called, settings.request_timeout)
        self._ringing: IncomingCall | None = None
        self._call: Dialog | None = None
        self._jobs = Jobs()

    @property
    def holds_call(self) -> bool:
        """Whether a call is up on it."""
        return self._call is not None

    async def run(self) -> None:
        """Stay registered, for ever; a call that is up is ended while there is a connection."""
        registering = asyncio.create_task(self._stay_registered(), name="PBX registration")
        try:
            await asyncio.wait({registering})
            registering.result()
        finally:
            await self._part()
            await stop_tasks(registering)
            await self._agent.finish()
            await self._jobs.finish(0)

    async def answer(self, invite: Invite, answer: str) -> None:
        """Take the call; one that the caller has given up is over."""
        call, self._ringing = self._ringing, None
        if call is None or _name(call) != invite.callsid:
            self._over(invite.callsid)
            return
        try:
            dialog = await call.answer(answer)
        except SipError as error:
            if error.status == GIVEN_UP:
                self._over(invite.callsid)
                return
            raise PlatformError(error.detail, code=EndReason.PLATFORM_LOST) from error
        self._call = dialog
        self._jobs.spawn(self._watch(dialog), "call through the PBX")

    async def hang_up(self, callsid: str) -> None:
        """End the call, or refuse it while it rings. Raises nothing."""
        ringing, call = self._ringing, self._call
        try:
            if ringing is not None and _name(ringing) == callsid:
                self._ringing = None
                await ringing.reject(BUSY)
            elif call is not None and call.call_id == callsid:
                await call.bye()
        except SipError as error:
            log.warning("the PBX is not told that our leg has ended: %s", error.detail)

    # -- the registration's life

    async def _stay_registered(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                secured = self._settings.ws_url.startswith("wss:")
                context = await context_of(self._settings.ca_file) if secured else None
                await self._agent.run(context, self._is_up)
            except (SipError, PlatformError) as error:
                if self.ready:
                    pause = FIRST_PAUSE_S
                log.warning("%s", error.detail)
                self._is_down(error.detail)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _part(self) -> None:
        """From whatever call there is, within a second; nobody here waits for its end any more."""
        ringing, self._ringing = self._ringing, None
        call, self._call = self._call, None
        try:
            async with asyncio.timeout(PART_S):
                if ringing is not None:
                    await ringing.reject(BUSY)
                if call is not None:
                    await call.bye()
        except (SipError, TimeoutError):
            log.warning("the PBX does not confirm that our leg has ended")

    async def _watch(self, dialog: Dialog) -> None:
        await dialog.ended.wait()
        if self._call is dialog:
            self._call = None
            self._over(dialog.call_id)

    # -- calls

    def _called(self, call: IncomingCall) -> None:
        """Only the call that we asked for is taken; whoever else calls finds us busy."""
        wanted = fnmatchcase(call.caller, self._settings.caller)
        if wanted and call.offer and self._taken(Invite(_name(call), call.offer)):
            self._ringing = call
            return
        log.warning("a call through the PBX that nobody asked for is rejected")
        self._jobs.spawn(self._reject(call), "PBX reject")

    async def _reject(self, call: IncomingCall) -> None:
        try:
            await call.reject(BUSY)
        except SipError as error:
            log.info("a call is not rejected: %s", error.detail)


def _name(call: IncomingCall) -> str:
    return call.invite.get("Call-ID")
