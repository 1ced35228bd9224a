"""What comes in: requests within calls, new calls, and what belongs to none."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Protocol

from appliance.platforms.sip import dialog as dialogs
from appliance.platforms.sip import timer
from appliance.platforms.sip.building import unsupported
from appliance.platforms.sip.dialog import Dialog, IncomingCall, Line, contact_of
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Headers, Message, parameter, split
from appliance.platforms.sip.timer import Agreement

log = logging.getLogger(__name__)

MAX_CALLS = 64
"""Calls at once, both ways; a further one is busy."""
_ALONE = ("OPTIONS", "NOTIFY", "INFO")
"""Requests that are welcome outside a call too."""


class Office(Line, Protocol):
    """What is needed of the user agent."""

    async def accept(
        self, dialog: Dialog, invite: Message, tag: str, sdp: str, extra: Headers
    ) -> None:
        """The 200 to an INVITE, until it is acknowledged."""

    def agree(self, dialog: Dialog, agreement: Agreement | None) -> None:
        """How long the call lasts from now on without a refresh."""


class Inbound:
    """The calls of one user agent, and the answers to requests; none of them waits for another."""

    def __init__(
        self, office: Office, min_session_s: int, on_call: Callable[[IncomingCall], None]
    ) -> None:
        self._office, self._min_session_s, self._on_call = office, min_session_s, on_call
        self.calls: dict[str, Dialog | IncomingCall] = {}

    def forget(self, call: Dialog | IncomingCall) -> None:
        """It is over."""
        if self.calls.get(call.call_id) is call:
            del self.calls[call.call_id]

    def connection_lost(self) -> None:
        """Who was calling has given up; the calls that are up are taken along."""
        for call in list(self.calls.values()):
            if isinstance(call, IncomingCall):
                call.settled = True
                self.forget(call)

    async def take(self, request: Message) -> None:
        """Answer one request. Raises `SipError` when that cannot be done."""
        call = self.calls.get(request.get("Call-ID"))
        inside = bool(parameter(request.get("To"), "tag"))
        if request.method == "ACK":
            if isinstance(call, Dialog) and call.is_of(request):
                call.take_ack(request)
        elif request.method == "CANCEL":
            await self._cancelled(request, call)
        elif missing := unsupported(request):
            await self._refuse(request, 420, missing)
        elif inside and isinstance(call, Dialog) and call.is_of(request):
            await self._inside(call, request)
        elif inside:
            await self._refuse(request, dialogs.NO_SUCH_CALL)
        elif request.method == "INVITE":
            await self._called(request, call)
        else:
            await self._refuse(request, 200 if request.method in _ALONE else 405)

    async def _refuse(self, request: Message, status: int, extra: Headers | None = None) -> None:
        await self._office.reply(request, status, secrets.token_hex(8), extra=extra or [])

    async def _cancelled(self, cancel: Message, call: Dialog | IncomingCall | None) -> None:
        """Only what rings can be cancelled; what is up takes no notice (RFC 3261 section 9.2)."""
        rings = isinstance(call, IncomingCall) and call.invite.branch == cancel.branch
        await self._refuse(cancel, 200 if rings or isinstance(call, Dialog) else 481)
        if rings and isinstance(call, IncomingCall):
            await call.reject(dialogs.TERMINATED)

    async def _called(self, invite: Message, known: Dialog | IncomingCall | None) -> None:
        if known is not None:
            await self._refuse(invite, 482)  # by two ways at once (RFC 3261 section 8.2.2.2)
            return
        if (status := self._wrong_with(invite)) != 0:
            extra = [("Min-SE", str(self._min_session_s))] if status == timer.TOO_BRIEF else []
            await self._refuse(invite, status, extra)
            return
        await self._office.reply(invite, dialogs.TRYING)
        call = IncomingCall(self._office, invite)
        self.calls[call.call_id] = call
        self._on_call(call)

    def _wrong_with(self, invite: Message) -> int:
        if not contact_of(invite) or not parameter(invite.get("From"), "tag"):
            return 400
        if not _is_description(invite):
            return 415
        if len(self.calls) >= MAX_CALLS:
            return dialogs.BUSY
        try:
            timer.answered(invite, self._min_session_s)
        except SipError as error:
            return error.status
        return 0

    async def _inside(self, dialog: Dialog, request: Message) -> None:
        if request.cseq[0] <= dialog.their_cseq:
            await self._refuse(request, 500)  # older than what was taken already
            return
        dialog.their_cseq = request.cseq[0]
        if request.method == "BYE":
            await self._office.reply(request, 200)
            dialog.over()
        elif request.method in ("INVITE", "UPDATE"):
            await self._changed(dialog, request)
        else:
            await self._refuse(request, 200 if request.method in _ALONE else 405)

    async def _changed(self, dialog: Dialog, request: Message) -> None:
        """A refresh, another direction, or something that the leg cannot do.

        An INVITE without a description asks for our offer: what we described last. The leg's
        connection stays the one it is.
        """
        invite = request.method == "INVITE"
        if dialog.inviting and (invite or request.body):
            await self._refuse(request, dialogs.GLARE)
            return
        if not _is_description(request):
            await self._refuse(request, 415)
            return
        try:
            agreement, extra = timer.answered(request, self._min_session_s)
        except SipError as error:
            await self._refuse(request, error.status, [("Min-SE", str(self._min_session_s))])
            return
        answer = dialog.answer(request.body) if request.body else dialog.said if invite else ""
        if answer is None or (invite and not answer):
            await self._refuse(request, dialogs.NOT_ACCEPTABLE)
            return
        dialog.retarget(request)
        if invite:
            await self._office.accept(dialog, request, "", answer, extra)
        else:
            await self._office.reply(request, 200, "", answer, extra)
        self._office.agree(dialog, agreement)


def _is_description(request: Message) -> bool:
    kind = split(request.get("Content-Type"), ";")[0].lower()
    return not request.body or kind == dialogs.SDP
