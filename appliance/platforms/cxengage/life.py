"""One session at the platform, from sign-in until it dies: heartbeat, queue, voice, renewals."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.account import Account, must_view, sign_in
from appliance.platforms.cxengage.answers import (
    Beat,
    Config,
    Presence,
    QueueAccess,
    SessionStarted,
    VoiceAccess,
    read,
)
from appliance.platforms.cxengage.extension import Extension, Way, way_of
from appliance.platforms.cxengage.inbox import Inbox
from appliance.platforms.cxengage.line import Line
from appliance.platforms.cxengage.messages import Message
from appliance.platforms.cxengage.pbx import Pbx
from appliance.platforms.cxengage.rest import Rest, StatusError
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.sqs import Sqs
from appliance.platforms.cxengage.voice import Voice
from appliance.platforms.protocol import PlatformError
from appliance.service.jobs import together

log = logging.getLogger(__name__)

SQS_RENEW_AT, VOICE_RENEW_AT = 0.75, 0.5
"""Shares of the credentials' lives."""
RENEW_AGAIN_S = 5.0
SHORTEST_S = 0.5
SIGN_OUT_S = 2.0
BEATLESS_S, BEAT_AGAIN_S = 40.0, 1.0


class Life:
    """`begin` makes it, `run` keeps it, `end` signs out."""

    def __init__(
        self,
        settings: CxEngageSettings,
        rest: Rest,
        account: Account,
        *,
        on_message: Callable[[Message], None],
        on_leg_ended: Callable[[str], None],
    ) -> None:
        self.account = account
        self.session_id = ""
        self.extension: Extension | None = None
        self.line: Line | None = None
        """None while the account has no extension that the box can be called at."""
        self.rest = rest
        self._voice = Voice(settings, rest.oddities, on_ended=on_leg_ended, renew=self.renew)
        self._pbx = Pbx(settings, on_leg_ended)
        self._way: Way | None = None
        self._settings = settings
        self._on_message = on_message
        self._sqs = Sqs(rest.client, settings.sqs_endpoint, rest.oddities)
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()
        self._beat_now = asyncio.Event()
        self.outdated = False
        """The account's extension is one of another kind now."""

    @classmethod
    async def begin(
        cls,
        settings: CxEngageSettings,
        rest: Rest,
        ours: set[str],
        *,
        on_message: Callable[[Message], None],
        on_leg_ended: Callable[[str], None],
    ) -> Life:
        """Sign in and open a session. *ours* are earlier sessions of this process; it grows.

        Raises `PlatformError`, in words, also while somebody else is signed in to the account.
        """
        account = await sign_in(rest, settings.tenant)
        must_view(account)
        life = cls(settings, rest, account, on_message=on_message, on_leg_ended=on_leg_ended)
        presence = read(Presence, await life._get("presence"), rest.oddities)
        if presence.state != "offline" and presence.session_id not in ours:
            raise PlatformError(
                "The box's account is signed in elsewhere; sign it out there, or wait until that "
                "session has ended by itself.",
                code="account_busy",
            )
        await life.renew()
        said = await life._post("presence", "session", body={"silentMonitoring": True})
        life.session_id = read(SessionStarted, said, rest.oddities).session_id
        ours.add(life.session_id)
        await life._state("notready")
        return life

    async def run(self) -> None:
        """Until the session is dead, which raises `PlatformError`."""
        inbox = Inbox(
            self._sqs,
            self.session_id,
            self._settings.sqs_wait,
            self.rest.oddities,
            on_message=self._on_message,
            acknowledge=self._acknowledge,
            renew=self.renew,
        )
        line = [self.line.run()] if self.line is not None else []
        await together(self._beat(), self._keep_renewed(), inbox.run(), *line)

    async def end(self) -> None:
        """Sign out, so that the account is free for the next life; never longer than 2 s."""
        try:
            async with asyncio.timeout(SIGN_OUT_S):
                await self._state("offline")
        except (PlatformError, TimeoutError):
            log.info("CxEngage could not be told that the box signs out")

    async def interrupt(self, interaction: str, kind: str, interrupt: dict[str, Any]) -> None:
        """Ask something of a call. Raises `PlatformError` for anything but a consent."""
        body = {"source": "client", "interruptType": kind, "interrupt": interrupt}
        tenant = self.account.tenant_id
        try:
            await self.rest.post(
                "tenants", tenant, "interactions", interaction, "interrupts", body=body
            )
        except StatusError:
            self._beat_now.set()  # it may be refused because the session is dead
            raise

    async def interrupt_own(self, interaction: str, kind: str) -> None:
        """The same about our own leg."""
        me = self.account.user_id
        await self.interrupt(interaction, kind, {"resourceId": me, "targetResource": me})

    async def renew(self) -> None:
        """Read the configuration again: credentials and extension. Raises `PlatformError`."""
        async with self._renewing:
            config = read(
                Config,
                await self._get("users", "config", query="?silent-monitor=true"),
                self.rest.oddities,
            )
            queue = read(QueueAccess, config.integration("sqs") or {}, self.rest.oddities)
            self._sqs.use(queue, self.account.region)
            lives = [SQS_RENEW_AT * queue.credentials.ttl]
            self._choose_line(config.extension())
            if self._way is Way.GATEWAY:
                found = config.integration("twilio") or {}
                voice = read(VoiceAccess, found, self.rest.oddities).credentials
                lives.append(VOICE_RENEW_AT * voice.ttl)
                await self._voice.use(voice.token, (self.extension or {}).get("region"))
            self._renew_at = time.monotonic() + max(SHORTEST_S, min(lives))

    def _choose_line(self, extension: Extension | None) -> None:
        """The first time; a session keeps its line, and a new one takes what is new."""
        way = way_of(extension, self._settings)
        if self._way is None:
            self._way = way
            self.line = {Way.GATEWAY: self._voice, Way.PBX: self._pbx}.get(way)
        self.outdated = way is not self._way
        if self.outdated:
            self._beat_now.set()
        else:
            self.extension = extension

    async def prove(self) -> None:
        """Ask whether the session still lives. Raises `PlatformError`; `run` then ends soon."""
        try:
            await self._post("presence", "heartbeat", body=self._named({}))
        except PlatformError:
            self._beat_now.set()
            raise

    # -- what goes on all the time

    async def _beat(self) -> None:
        """A heartbeat that is refused means that the session is dead: raises `PlatformError`.

        One that does not arrive is tried again for 40 s: a gap in the network ends no session.
        """
        well_at = time.monotonic()
        while True:
            try:
                said = await self._post("presence", "heartbeat", body=self._named({}))
            except PlatformError as error:
                lost = error.code == EndReason.PLATFORM_LOST
                if not lost or time.monotonic() - well_at > BEATLESS_S:
                    raise PlatformError(
                        "The box's session at CxEngage has ended; signing in again.",
                        code=EndReason.PLATFORM_LOST,
                    ) from error
                log.info("a heartbeat failed: %s", error.detail)
                await asyncio.sleep(BEAT_AGAIN_S)
                continue
            well_at = time.monotonic()
            self._beat_now.clear()
            if self.outdated and not (self.line and self.line.holds_call):
                raise PlatformError(
                    "The extension of the box's account has changed; signing in again.",
                    code=EndReason.PLATFORM_LOST,
                )
            await self._pause(self._delay(said))

    async def _pause(self, longest_s: float) -> None:
        try:
            async with asyncio.timeout(longest_s):
                await self._beat_now.wait()
        except TimeoutError:
            return

    def _delay(self, said: Any) -> float:
        try:
            return read(Beat, said, self.rest.oddities).heartbeat_delay
        except PlatformError as error:
            log.warning("%s", error.detail)
            return Beat().heartbeat_delay

    async def _keep_renewed(self) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._renew_at - time.monotonic()))
            if time.monotonic() < self._renew_at:
                continue
            try:
                await self.renew()
            except PlatformError as error:
                log.warning("CxEngage's credentials are not renewed yet: %s", error.detail)
                await asyncio.sleep(RENEW_AGAIN_S)

    async def _acknowledge(self, message: Message) -> None:
        await self.rest.post(
            "tenants",
            self.account.tenant_id,
            "interactions",
            message.interaction_id or "",
            "actions",
            message.action_id or "",
            body={
                "source": "client",
                "subId": message.sub_id,
                "update": {"resourceId": message.resource_id or self.account.user_id},
            },
        )

    # -- paths of our own user

    async def _state(self, state: str) -> None:
        await self._post("presence", body=self._named({"state": state}))

    def _named(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"sessionId": self.session_id, **body}

    async def _get(self, room: str, *rest: str, query: str = "") -> Any:
        me = self.account
        return await self.rest.get("tenants", me.tenant_id, room, me.user_id, *rest, query=query)

    async def _post(self, room: str, *rest: str, body: Any) -> Any:
        me = self.account
        return await self.rest.post("tenants", me.tenant_id, room, me.user_id, *rest, body=body)
