"""Calls of the user agent: a dialog that is up (RFC 3261 section 12), and one that comes in."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Headers, Message, address, parameter, split, user_of
from appliance.platforms.sip.sdp import answer_again, with_mids
from appliance.platforms.sip.timer import Agreement

log = logging.getLogger(__name__)

SDP = "application/sdp"
OK, TRYING, BUSY, TERMINATED, NOT_ACCEPTABLE, NO_SUCH_CALL = 200, 100, 486, 487, 488, 481
GLARE = 491
TRIES_AT_GLARE = 3
SECONDS_FOR_THE_ACK = 4.0
_OVER = (408, NO_SUCH_CALL)
"""Answers to a request in a dialog that end it (RFC 3261 section 12.2.1.2)."""


class Line(Protocol):
    """What a dialog needs of its user agent."""

    async def ask(self, dialog: Dialog, method: str, body: str, kind: str, extra: Headers) -> str:
        """A request in a dialog, and the body of the 2xx to it. Raises `SipError`."""

    async def reply(
        self, request: Message, status: int, tag: str = "", sdp: str = "", extra: Headers = ...
    ) -> None:
        """A response to a request."""

    async def take(self, call: IncomingCall, sdp: str) -> Dialog:
        """Answer a call that comes in."""

    def forget(self, call: Dialog | IncomingCall) -> None:
        """The call is over."""


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
    called: bool = False
    """They called us; who called decides who waits longer after a glare."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    on_offer: Callable[[str], str | None] | None = None
    """A re-INVITE's offer, and our answer to it; None refuses, and all stays as it is.

    Without it the last description is given again, as far as it answers the offer.
    """
    made: str = ""
    """What our leg described last."""
    said: str = ""
    """What was said of it last: a direction may have been narrowed."""
    theirs: str = ""
    """What the other side described last."""
    allowed: frozenset[str] = frozenset()
    """Methods that the other side takes."""
    their_cseq: int = 0
    inviting: bool = False
    """An INVITE of ours in this dialog waits for its answer."""
    unacknowledged: int | None = None
    """The CSeq of an INVITE that we have answered, until its ACK."""
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    ack: Message | None = None
    """Our last ACK, for an answer that comes again."""
    agreement: Agreement | None = None
    refreshed: asyncio.Event = field(default_factory=asyncio.Event)
    """Either side has refreshed the session, or it is over."""
    kept: bool = False
    """Somebody sees to the agreement (`appliance.platforms.sip.keeping`)."""

    # -- what the owner of the call does

    async def bye(self) -> None:
        """End it; it is over for us even when the other side does not answer."""
        await self._settled()
        if not self.ended.is_set():
            self.over()
            await self.line.ask(self, "BYE", "", "", [])

    async def reinvite(self, sdp: str) -> str:
        """Offer anew; the answer."""
        answer = with_mids(sdp, await self._ask("INVITE", sdp, SDP))
        self.describe(sdp, answer)
        return answer

    async def info(self, body: str, kind: str) -> None:
        """An INFO (RFC 6086), as for key presses."""
        await self._ask("INFO", body, kind)

    async def refer(self, to: str) -> None:
        """Ask the other side to call *to* instead of us (RFC 3515)."""
        await self._ask("REFER", "", "", [("Refer-To", f"<{to}>")])

    async def refresh(self) -> None:
        """Say that the call still stands, and where we are reached (RFC 4028 section 7.4)."""
        if "UPDATE" in self.allowed:
            await self._ask("UPDATE", "", "")
        elif self.said:
            answer = await self._ask("INVITE", self.said, SDP)
            self.theirs = answer or self.theirs

    # -- what the user agent tells it

    def next_cseq(self) -> int:
        """The number of our next request."""
        self.cseq += 1
        return self.cseq

    def over(self) -> None:
        """Nothing more comes or goes."""
        self.ended.set()
        self.refreshed.set()
        self.acknowledged.set()
        self.line.forget(self)

    def is_of(self, request: Message) -> bool:
        """Whether the request's two names are the dialog's (RFC 3261 section 12.2.2)."""
        tags = parameter(request.get("To"), "tag"), parameter(request.get("From"), "tag")
        return tags == (parameter(self.local, "tag"), parameter(self.remote, "tag"))

    def describe(self, ours: str, theirs: str) -> None:
        """Both sides' descriptions, as agreed."""
        self.made = self.said = ours
        self.theirs = theirs

    def answer(self, offer: str) -> str | None:
        """To a re-INVITE or UPDATE with a description; None refuses."""
        if self.on_offer is not None:
            answer = self.on_offer(offer)
            self.made = answer or self.made
        else:
            answer = answer_again(self.theirs, offer, self.made, self.said)
        if answer is not None:
            self.said, self.theirs = answer, offer
        return answer

    def take_ack(self, ack: Message) -> None:
        """Of the INVITE that we answered; it brings the answer where we made the offer."""
        if self.unacknowledged == ack.cseq[0]:
            self.unacknowledged = None
            self.acknowledged.set()
            self.theirs = ack.body or self.theirs

    def retarget(self, message: Message) -> None:
        """Where the other side is reached from now on (RFC 3261 section 12.2)."""
        self.target = contact_of(message) or self.target
        self.allowed = message.tokens("Allow") or self.allowed

    async def _settled(self) -> None:
        """Until the ACK: a BYE that overtakes it is refused (RFC 3261 section 15), and so is an
        INVITE (section 14.1). One that stays away is not waited for longer.
        """
        if self.unacknowledged is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.acknowledged.wait(), SECONDS_FOR_THE_ACK)

    async def _ask(self, method: str, body: str, kind: str, extra: Headers | None = None) -> str:
        if method == "INVITE":
            await self._settled()
        for attempt in range(TRIES_AT_GLARE):
            try:
                return await self.line.ask(self, method, body, kind, extra or [])
            except SipError as error:
                if error.status in _OVER:
                    self.over()
                if error.status != GLARE or attempt == TRIES_AT_GLARE - 1:
                    raise
            # Both sides asked at once: who called waits longer (RFC 3261 section 14.1).
            wait = random.uniform(0, 2) if self.called else random.uniform(2.1, 4)  # noqa: S311
            await asyncio.sleep(wait)
        raise AssertionError


class IncomingCall:
    """An INVITE that waits for its answer."""

    def __init__(self, line: Line, invite: Message) -> None:
        self._line, self.invite = line, invite
        self.tag = secrets.token_hex(8)
        self.settled = False

    @property
    def call_id(self) -> str:
        """The call's name."""
        return self.invite.get("Call-ID")

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
        return await self._line.take(self, sdp)

    async def reject(self, status: int) -> None:
        """Do not take it."""
        if not self.settled:
            self.settled = True
            self._line.forget(self)
            await self._line.reply(self.invite, status, self.tag)

    async def ringing(self) -> None:
        """Say that it rings."""
        await self._line.reply(self.invite, 180, self.tag)


def dialog_of_call(line: Line, call: IncomingCall) -> Dialog:
    """The called side of a call."""
    invite = call.invite
    return Dialog(
        line,
        invite.get("Call-ID"),
        local=f"{invite.get('To')};tag={call.tag}",
        remote=invite.get("From"),
        target=contact_of(invite),
        routes=_routes(invite),
        called=True,
        allowed=invite.tokens("Allow"),
        their_cseq=invite.cseq[0],
    )


def dialog_of_answer(line: Line, invite: Message, response: Message) -> Dialog:
    """The caller's side; the routes are in reverse (RFC 3261 section 12.1.2).

    Raises `SipError` when the response makes none.
    """
    if not parameter(response.get("To"), "tag") or not contact_of(response):
        raise SipError("The SIP server took a call without a name or a place for it.")
    return Dialog(
        line,
        invite.get("Call-ID"),
        local=invite.get("From"),
        remote=response.get("To"),
        target=contact_of(response),
        routes=_routes(response)[::-1],
        cseq=invite.cseq[0],
        allowed=response.tokens("Allow"),
    )


def contact_of(message: Message) -> str:
    """The URI of its Contact, or nothing when there is none that can be asked."""
    uri = address(split(message.get("Contact"))[0])
    return uri if re.fullmatch(r"sips?:[^\s<>]+", uri) else ""


def _routes(message: Message) -> list[str]:
    return [route for line in message.all("Record-Route") for route in split(line) if route]
