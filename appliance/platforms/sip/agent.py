"""The user agent: stays registered, places calls and takes them (RFC 3261, RFC 7118)."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import ssl
from collections.abc import Callable

from appliance.platforms.sip import timer
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.building import ack_of_success, inside, response_to
from appliance.platforms.sip.client import Client, Draft
from appliance.platforms.sip.credentials import Credentials
from appliance.platforms.sip.dialog import (
    SDP,
    Dialog,
    IncomingCall,
    dialog_of_answer,
    dialog_of_call,
)
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.inbound import Inbound
from appliance.platforms.sip.keeping import keep
from appliance.platforms.sip.message import Headers, Message, parameter
from appliance.platforms.sip.registration import Registration
from appliance.platforms.sip.sdp import with_mids
from appliance.platforms.sip.timer import Agreement
from appliance.platforms.sip.transport import LOST, Transport
from appliance.service.jobs import Jobs
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)

FIRST_REPEAT_S, LONGEST_REPEAT_S = 0.5, 4.0
SECONDS_TO_ACKNOWLEDGE = 32.0
"""T1, T2 and 64 x T1 of RFC 3261 section 13.3.1.4."""


class UserAgent:
    """One endpoint. `run` lives through one connection; whoever calls it calls it again."""

    def __init__(
        self, account: Account, on_call: Callable[[IncomingCall], None], time_limit: float = 5.0
    ) -> None:
        self.account = account
        self.registered = asyncio.Event()
        self.tap: Callable[[Message], None] = lambda _request: None
        """Sees each request that comes in."""
        self._time_limit = time_limit
        self._client: Client | None = None
        self._inbound = Inbound(self, account.min_session_s, on_call)
        self._registration = Registration(account)
        self._credentials = Credentials(account.user, account.password)
        self._jobs = Jobs()

    @property
    def calls(self) -> tuple[Dialog | IncomingCall, ...]:
        """Those that are up, and those that ring."""
        return tuple(self._inbound.calls.values())

    async def run(
        self, context: ssl.SSLContext | None, on_registered: Callable[[], None] = lambda: None
    ) -> None:
        """Connect and register, until the connection is lost. Raises `SipError` in words.

        A call outlasts the connection: with the next one it is refreshed, or found to be over.
        """
        client = await self._connect(context)
        transport = client.transport
        reading = asyncio.create_task(transport.read(self._requested, self._stray), name="SIP")
        keeping: asyncio.Task[None] | None = None
        self._client = client
        try:
            lasts = await self._registration.begin(client)
            self.registered.set()
            on_registered()
            for call in self.calls:
                if isinstance(call, Dialog):
                    self._jobs.spawn(self._take_along(call), "SIP call after a gap")
            keeping = asyncio.create_task(
                self._registration.keep(client, lasts), name="SIP registration"
            )
            done, _ = await asyncio.wait((reading, keeping), return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            await stop_tasks(keeping)
            if self.registered.is_set() and not reading.done():
                self.registered.clear()
                await self._registration.end(client)
            self.registered.clear()
            self._client = None
            self._inbound.connection_lost()
            await stop_tasks(reading)
            await transport.close()

    async def finish(self) -> None:
        """Nothing of its calls is looked after any more."""
        await self._jobs.finish(0)

    async def invite(self, uri: str, sdp: str) -> tuple[Dialog, str]:
        """Call *uri*: the dialog, and the answer to our offer. Raises `SipError`.

        Cancelled while it rings, the call is taken back.
        """
        account, client = self.account, self._connected()
        headers = [
            ("From", f"<{account.address}>;tag={secrets.token_hex(8)}"),
            ("To", f"<{uri}>"),
            ("Call-ID", secrets.token_hex(12)),
            *timer.asked(account.session_s, account.min_session_s, None),
        ]
        draft = Draft("INVITE", uri, headers, itertools.count(1).__next__, sdp, SDP)
        invite, response = await client.exchange(draft)
        dialog = dialog_of_answer(self, invite, response)
        answer = with_mids(sdp, response.body)
        dialog.describe(sdp, answer)
        self._inbound.calls[dialog.call_id] = dialog
        try:
            await self._acknowledge(dialog, invite)
        except (asyncio.CancelledError, SipError):
            self._jobs.spawn(self._bye(dialog), "SIP BYE")
            raise
        self.agree(dialog, timer.agreed(response))
        return dialog, answer

    async def check(self, context: ssl.SSLContext | None) -> None:
        """Sign in, over a connection of its own, and leave every registration as it is.

        Raises `SipError` in words.
        """
        client = await self._connect(context)
        transport = client.transport
        reading = asyncio.create_task(transport.read(self._requested, self._stray), name="SIP")
        try:
            await self._registration.ask(client)
        finally:
            await stop_tasks(reading)
            await transport.close()

    # -- what a dialog needs (`appliance.platforms.sip.inbound.Office`)

    async def ask(self, dialog: Dialog, method: str, body: str, kind: str, extra: Headers) -> str:
        """A request in a dialog, and the body of the 2xx to it."""
        uri, headers = inside(dialog)
        timed = method in ("INVITE", "UPDATE")
        draft = Draft(method, uri, [*headers, *extra], dialog.next_cseq, body, kind)
        if timed:
            agreement, account = dialog.agreement, self.account
            interval = agreement.interval_s if agreement else account.session_s
            refresher = agreement.we_refresh if agreement else None
            draft.headers += timer.asked(interval, account.min_session_s, refresher)
        dialog.inviting = dialog.inviting or method == "INVITE"
        try:
            request, response = await self._connected().exchange(draft)
            if method == "INVITE":
                await self._acknowledge(dialog, request)
        finally:
            if method == "INVITE":
                dialog.inviting = False
        if timed:
            dialog.retarget(response)
            self.agree(dialog, timer.agreed(response))
        return response.body

    async def reply(
        self,
        request: Message,
        status: int,
        tag: str = "",
        sdp: str = "",
        extra: Headers | None = None,
    ) -> None:
        """A response to a request."""
        client = self._connected()
        await client.transport.send(response_to(request, status, tag, sdp, client.contact, extra))

    async def take(self, call: IncomingCall, sdp: str) -> Dialog:
        """Answer a call that comes in."""
        agreement, extra = timer.answered(call.invite, self.account.min_session_s)
        dialog = dialog_of_call(self, call)
        dialog.describe(sdp, call.offer)
        self._inbound.calls[dialog.call_id] = dialog
        try:
            await self.accept(dialog, call.invite, call.tag, sdp, extra)
        except (asyncio.CancelledError, SipError):
            self._jobs.spawn(self._bye(dialog), "SIP BYE")
            raise
        self.agree(dialog, agreement)
        return dialog

    async def accept(
        self, dialog: Dialog, invite: Message, tag: str, sdp: str, extra: Headers
    ) -> None:
        """The 200 to an INVITE; it comes again until it is acknowledged."""
        dialog.unacknowledged = invite.cseq[0]
        dialog.acknowledged.clear()
        await self.reply(invite, 200, tag, sdp, extra)
        self._jobs.spawn(self._repeat(dialog, invite, tag, sdp, extra), "SIP 200")

    def agree(self, dialog: Dialog, agreement: Agreement | None) -> None:
        """How long the call lasts from now on without a refresh."""
        dialog.agreement = agreement
        dialog.refreshed.set()
        if agreement is not None and not dialog.kept and not dialog.ended.is_set():
            dialog.kept = True
            self._jobs.spawn(keep(dialog), "SIP session timer")

    def forget(self, call: Dialog | IncomingCall) -> None:
        """The call is over."""
        self._inbound.forget(call)

    # -- the steps

    async def _connect(self, context: ssl.SSLContext | None) -> Client:
        account = self.account
        transport = await Transport.open(account.ws_url, context, self._time_limit)
        return Client(transport, account.name, self._credentials, self._jobs, self._taken_late)

    def _connected(self) -> Client:
        if self._client is None:
            raise SipError(LOST)
        return self._client

    async def _acknowledge(self, dialog: Dialog, invite: Message) -> None:
        transport = self._connected().transport
        dialog.ack = ack_of_success(dialog, invite, transport.via())
        await transport.send(dialog.ack)

    async def _repeat(
        self, dialog: Dialog, invite: Message, tag: str, sdp: str, extra: Headers
    ) -> None:
        """A hop behind a proxy may lose it; without its ACK there is no call."""
        pause = FIRST_REPEAT_S
        try:
            async with asyncio.timeout(SECONDS_TO_ACKNOWLEDGE):
                while dialog.unacknowledged == invite.cseq[0] and not dialog.ended.is_set():
                    try:
                        await asyncio.wait_for(dialog.acknowledged.wait(), pause)
                    except TimeoutError:
                        pause = min(pause * 2, LONGEST_REPEAT_S)
                        await self.reply(invite, 200, tag, sdp, extra)
        except TimeoutError:
            log.warning("a call is ended whose answer was not acknowledged")
            dialog.unacknowledged = None
            await self._bye(dialog)
        except SipError as error:
            log.debug("the answer is not repeated: %s", error.detail)

    async def _bye(self, dialog: Dialog) -> None:
        try:
            await dialog.bye()
        except SipError as error:
            log.debug("the other side did not hear of the end: %s", error.detail)

    async def _take_along(self, dialog: Dialog) -> None:
        try:
            await dialog.refresh()
        except SipError as error:
            log.warning("a call is not as it was before the gap: %s", error.detail)

    async def _requested(self, request: Message) -> None:
        self.tap(request)
        await self._inbound.take(request)

    async def _stray(self, response: Message) -> None:
        if response.cseq[1] == "INVITE" and 200 <= response.status < 300:
            await self._taken_late(response, response)

    async def _taken_late(self, invite: Message, response: Message) -> None:
        """A 2xx that came again, after we had given up, or from a second place that took it."""
        call = self._inbound.calls.get(response.get("Call-ID"))
        names = parameter(response.get("To"), "tag"), response.cseq[0]
        if isinstance(call, Dialog) and parameter(call.remote, "tag") == names[0]:
            again = call.ack is not None and call.ack.cseq[0] == names[1]
            transport = self._connected().transport
            ack = call.ack if again else ack_of_success(call, invite, transport.via())
            assert ack is not None
            await transport.send(ack)
            return
        late = dialog_of_answer(self, invite, response)
        await self._acknowledge(late, invite)
        self._jobs.spawn(self._bye(late), "SIP BYE")
