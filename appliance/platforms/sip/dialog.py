"""Calls of the user agent: a dialog that is up (RFC 3261 section 12), and one that comes in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Message, address, parameter, split, user_of

SDP = "application/sdp"
OK, TRYING, BUSY, TERMINATED, NOT_ACCEPTABLE, NO_SUCH_CALL = 200, 100, 486, 487, 488, 481
REASONS = {
    TRYING: "Trying",
    180: "Ringing",
    OK: "OK",
    405: "Method Not Allowed",
    BUSY: "Busy Here",
    NO_SUCH_CALL: "Call/Transaction Does Not Exist",
    TERMINATED: "Request Terminated",
    NOT_ACCEPTABLE: "Not Acceptable Here",
}


class Line(Protocol):
    """What a dialog needs of its user agent."""

    @property
    def contact(self) -> str:
        """Our Contact header."""

    async def ask(self, dialog: Dialog, method: str, body: str, kind: str, extra: Headers) -> str:
        """A request in a dialog, and the body of the 2xx to it. Raises `SipError`."""

    async def reply(self, request: Message, status: int, tag: str = "", sdp: str = "") -> None:
        """A response to a request."""

    def remember(self, dialog: Dialog) -> None:
        """The dialog is up."""

    def forget(self, call_id: str) -> None:
        """The dialog is over."""


Headers = list[tuple[str, str]]


@dataclass(slots=True, eq=False)
class Dialog:
    """One call that is up."""

    line: Line
    call_id: str
    local: str
    remote: str
    target: str
    routes: list[str]
    cseq: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    on_offer: Callable[[str], str | None] = lambda _offer: None
    """A re-INVITE's offer, and our answer to it; None refuses, and all stays as it is."""

    async def bye(self) -> None:
        """End it; it is over for us even when the other side does not answer."""
        if not self.ended.is_set():
            self.over()
            await self.line.ask(self, "BYE", "", "", [])

    async def reinvite(self, sdp: str) -> str:
        """Offer anew; the answer."""
        return await self.line.ask(self, "INVITE", sdp, SDP, [])

    async def info(self, body: str, kind: str) -> None:
        """An INFO (RFC 6086), as for key presses."""
        await self.line.ask(self, "INFO", body, kind, [])

    async def refer(self, to: str) -> None:
        """Ask the other side to call *to* instead of us (RFC 3515)."""
        await self.line.ask(self, "REFER", "", "", [("Refer-To", f"<{to}>")])

    def over(self) -> None:
        """Nothing more comes or goes."""
        self.ended.set()
        self.line.forget(self.call_id)


class IncomingCall:
    """An INVITE that waits for its answer."""

    def __init__(self, line: Line, invite: Message) -> None:
        self._line, self.invite = line, invite
        self._tag = secrets.token_hex(8)
        self.settled = False

    @property
    def caller(self) -> str:
        """The user part of who calls."""
        return user_of(self.invite.get("From"))

    @property
    def offer(self) -> str:
        """The session description; nothing where the caller leaves the offer to us."""
        return self.invite.body

    async def answer(self, sdp: str) -> Dialog:
        """Take it. Raises `SipError` when the caller has given up meanwhile."""
        if self.settled:
            raise SipError("The caller has given up.", status=TERMINATED)
        self.settled = True
        dialog = self._dialog()
        self._line.remember(dialog)
        await self._line.reply(self.invite, OK, self._tag, sdp)
        return dialog

    async def reject(self, status: int) -> None:
        """Do not take it."""
        if not self.settled:
            self.settled = True
            self._line.forget(self.invite.get("Call-ID"))
            await self._line.reply(self.invite, status, self._tag)

    async def ringing(self) -> None:
        """Say that it rings."""
        await self._line.reply(self.invite, 180, self._tag)

    def _dialog(self) -> Dialog:
        invite = self.invite
        target = split(invite.get("Contact"))[0]
        return Dialog(
            self._line,
            invite.get("Call-ID"),
            local=f"{invite.get('To')};tag={self._tag}",
            remote=invite.get("From"),
            target=address(target),
            routes=[route for line in invite.all("Record-Route") for route in split(line)],
        )


def dialog_of_answer(line: Line, invite: Message, response: Message) -> Dialog:
    """The caller's side of a call; the routes are in reverse (RFC 3261 section 12.1.2)."""
    routes = [route for line in response.all("Record-Route") for route in split(line)]
    if not parameter(response.get("To"), "tag"):
        raise SipError("The SIP server took a call without a name for it.")
    return Dialog(
        line,
        invite.get("Call-ID"),
        local=invite.get("From"),
        remote=response.get("To"),
        target=address(split(response.get("Contact"))[0]),
        routes=routes[::-1],
        cseq=invite.cseq[0],
    )
