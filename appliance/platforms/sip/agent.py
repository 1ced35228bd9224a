"""The user agent: stays registered, places calls and takes them (RFC 3261, RFC 7118)."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import ssl
from collections.abc import Callable

from appliance.platforms.sip import dialog as dialogs
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.building import (
    ALLOW,
    ack_of_refusal,
    ack_of_success,
    cancel_of,
    response_to,
)
from appliance.platforms.sip.dialog import (
    SDP,
    Dialog,
    Headers,
    IncomingCall,
    dialog_of_answer,
)
from appliance.platforms.sip.digest import authorization
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Message, parameter
from appliance.platforms.sip.transport import LOST, Transport
from appliance.service.jobs import Jobs
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)

MAX_CALLS = 64
"""Calls at once, both ways; a further one is busy."""
SECONDS_TO_CALL = 30.0
_ASKS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


class UserAgent:
    """One endpoint. `run` lives through one connection; whoever calls it calls it again."""

    def __init__(
        self, account: Account, on_call: Callable[[IncomingCall], None], time_limit: float = 5.0
    ) -> None:
        self.account = account
        self.registered = asyncio.Event()
        self.tap: Callable[[Message], None] = lambda _request: None
        """Sees each request that comes in."""
        self._on_call = on_call
        self._time_limit = time_limit
        self._transport: Transport | None = None
        self._calls: dict[str, Dialog | IncomingCall] = {}
        self._jobs = Jobs()
        self._registrar_call = secrets.token_hex(10)
        self._tag = secrets.token_hex(8)
        self._cseq = 0

    async def run(
        self, context: ssl.SSLContext | None, on_registered: Callable[[], None] = lambda: None
    ) -> None:
        """Connect and register, until the connection is lost. Raises `SipError` in words."""
        transport = await Transport.open(self.account.ws_url, context, self._time_limit)
        reading = self._jobs.spawn(transport.read(self._requested), "SIP reader")
        self._transport = transport
        refreshing: asyncio.Task[None] | None = None
        try:
            lasts = await self._register()
            self.registered.set()
            on_registered()
            refreshing = asyncio.create_task(self._refresh(lasts), name="SIP registration")
            await asyncio.wait((reading, refreshing), return_when=asyncio.FIRST_COMPLETED)
            if refreshing.done():
                refreshing.result()
            raise SipError(LOST)
        finally:
            self.registered.clear()
            self._transport = None
            self._calls.clear()  # nothing can reach them by this connection any more
            await stop_tasks(refreshing, reading)
            await transport.close()

    async def invite(self, uri: str, sdp: str) -> tuple[Dialog, str]:
        """Call *uri*: the dialog, and the answer to our offer. Raises `SipError`."""
        call_id, tag = secrets.token_hex(12), secrets.token_hex(8)
        headers = [
            ("From", f"<{self.account.address}>;tag={tag}"),
            ("To", f"<{uri}>"),
            ("Call-ID", call_id),
        ]
        request, response = await self._exchange("INVITE", uri, headers, sdp, SDP, 0)
        dialog = dialog_of_answer(self, request, response)
        self.remember(dialog)
        await self._acknowledge(dialog, request)
        return dialog, response.body

    async def check(self, context: ssl.SSLContext | None) -> None:
        """Register once and leave. Raises `SipError`."""
        task = asyncio.create_task(self.run(context), name="SIP check")
        waiting = asyncio.create_task(self.registered.wait(), name="SIP check registered")
        try:
            await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            await stop_tasks(waiting, task)

    # -- what a dialog needs (`appliance.platforms.sip.dialog.Line`)

    @property
    def contact(self) -> str:
        """Where we are reached: on this connection only."""
        return f"<sip:{self.account.name}@{self._connected().host};transport=ws>"

    async def ask(self, dialog: Dialog, method: str, body: str, kind: str, extra: Headers) -> str:
        """A request in a dialog, and the body of the 2xx to it."""
        headers = [
            ("From", dialog.local),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            *(("Route", route) for route in dialog.routes),
            *extra,
        ]
        request, response = await self._exchange(
            method, dialog.target, headers, body, kind, dialog.cseq
        )
        dialog.cseq = request.cseq[0]
        if method == "INVITE":
            await self._acknowledge(dialog, request)
        return response.body

    async def reply(self, request: Message, status: int, tag: str = "", sdp: str = "") -> None:
        """A response to a request."""
        await self._connected().send(response_to(request, status, tag, sdp, self.contact))

    def remember(self, dialog: Dialog) -> None:
        """The call is up."""
        self._calls[dialog.call_id] = dialog

    def forget(self, call_id: str) -> None:
        """The call is over."""
        self._calls.pop(call_id, None)

    # -- requests of ours

    def _connected(self) -> Transport:
        if self._transport is None:
            raise SipError(LOST)
        return self._transport

    async def _exchange(
        self, method: str, uri: str, headers: Headers, body: str, kind: str, cseq: int
    ) -> tuple[Message, Message]:
        """Request and 2xx; signs in when asked to. Raises `SipError` with the status."""
        transport = self._connected()
        proof: Headers = []
        while True:
            cseq += 1
            request = Message(method, uri, headers=[("Via", transport.via()), *headers, *proof])
            request.headers += [("CSeq", f"{cseq} {method}"), ("Max-Forwards", "70"), ALLOW]
            request.headers.append(("Contact", self.contact))
            if kind:
                request.headers.append(("Content-Type", kind))
            request.body = body
            response = await self._final(transport, request)
            if response.status < 300:
                return request, response
            if method == "INVITE":
                await transport.send(ack_of_refusal(request, response))
            if response.status not in _ASKS or proof:
                raise SipError(
                    f"The SIP server refused a {method} ({response.status}).",
                    status=response.status,
                )
            asked, answered = _ASKS[response.status]
            proof = [(answered, self._prove(response.all(asked), method, uri))]

    async def _final(self, transport: Transport, request: Message) -> Message:
        """The final response; an INVITE that nobody waits for any more is cancelled."""
        if request.method != "INVITE":
            return await transport.request(request)
        try:
            return await transport.request(request, SECONDS_TO_CALL)
        except asyncio.CancelledError:
            self._jobs.spawn(self._cancel(transport, request), "SIP CANCEL")
            raise

    async def _cancel(self, transport: Transport, invite: Message) -> None:
        try:
            await transport.request(cancel_of(invite))
        except SipError as error:
            log.debug("not cancelled: %s", error.detail)

    def _prove(self, challenges: list[str], method: str, uri: str) -> str:
        password = self.account.password.get_secret_value()
        return authorization(
            challenges, user=self.account.user, password=password, method=method, uri=uri
        )

    async def _acknowledge(self, dialog: Dialog, invite: Message) -> None:
        """The ACK of a 2xx is a transaction of its own (RFC 3261 section 13.2.2.4)."""
        transport = self._connected()
        await transport.send(ack_of_success(dialog, invite, transport.via()))

    async def _register(self) -> float:
        """Seconds that the registration lasts."""
        own = self.account.address
        headers = [
            ("From", f"<{own}>;tag={self._tag}"),
            ("To", f"<{own}>"),
            ("Call-ID", self._registrar_call),
            ("Expires", str(self.account.expires_s)),
        ]
        try:
            request, response = await self._exchange(
                "REGISTER", f"sip:{self.account.domain}", headers, "", "", self._cseq
            )
        except SipError as error:
            self._cseq += 2
            if error.status in (401, 403, 404, 407):
                raise SipError(
                    f"The SIP server does not let the leg's endpoint {self.account.name!r} in; "
                    "correct its name, user and password in the settings.",
                    status=error.status,
                ) from error
            raise
        self._cseq = request.cseq[0]
        granted = parameter(response.get("Contact"), "expires") or response.get("Expires")
        lasts = int(granted) if re.fullmatch(r"\d{1,6}", granted) else self.account.expires_s
        return float(max(lasts, 10))

    async def _refresh(self, lasts: float) -> None:
        while True:
            await asyncio.sleep(lasts / 2)
            lasts = await self._register()

    # -- requests of theirs

    def _requested(self, request: Message) -> None:
        self.tap(request)
        if request.method != "ACK":  # needs no answer
            self._jobs.spawn(self._respond(request), f"SIP {request.method[:10]}")

    async def _respond(self, request: Message) -> None:
        try:
            await self._respond_to(request)
        except SipError as error:
            log.warning("a SIP %s is not answered: %s", request.method, error.detail)

    async def _respond_to(self, request: Message) -> None:
        call = self._calls.get(request.get("Call-ID"))
        inside = bool(parameter(request.get("To"), "tag"))
        if request.method == "CANCEL":
            await self.reply(request, 200)
            if isinstance(call, IncomingCall):
                await call.reject(dialogs.TERMINATED)
        elif inside and not isinstance(call, Dialog):
            await self.reply(request, dialogs.NO_SUCH_CALL)
        elif isinstance(call, Dialog):
            await self._respond_inside(call, request)
        elif request.method == "INVITE":
            await self._called(request)
        else:
            known = request.method in ("OPTIONS", "NOTIFY", "INFO")
            await self.reply(request, 200 if known else 405, secrets.token_hex(8))

    async def _respond_inside(self, dialog: Dialog, request: Message) -> None:
        if request.method == "BYE":
            await self.reply(request, 200)
            dialog.over()
        elif request.method in ("INVITE", "UPDATE") and (request.body or request.method[0] == "I"):
            answer = dialog.on_offer(request.body)
            await self.reply(request, 200 if answer else 488, sdp=answer or "")
        else:
            await self.reply(request, 200)

    async def _called(self, invite: Message) -> None:
        if len(self._calls) >= MAX_CALLS or invite.get("Call-ID") in self._calls:
            await self.reply(invite, dialogs.BUSY, secrets.token_hex(8))
            return
        await self.reply(invite, dialogs.TRYING)
        call = IncomingCall(self, invite)
        self._calls[invite.get("Call-ID")] = call
        self._on_call(call)
