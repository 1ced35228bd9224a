"""Requests of ours over one connection: signed where that is asked, cancelled when given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from appliance.platforms.sip import timer
from appliance.platforms.sip.building import ALLOW, ack_of_refusal, cancel_of
from appliance.platforms.sip.credentials import Credentials, Realm
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Headers, Message
from appliance.platforms.sip.transactions import Transaction
from appliance.platforms.sip.transport import Transport
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

MAX_ROUNDS = 6
"""Attempts at one request: for each realm, for a stale nonce, for another interval."""
SECONDS_TO_CALL = 30.0
SECONDS_TO_END = 32.0
"""What an INVITE that was given up has until its final response (64 x T1)."""
_INTERVALS = {
    timer.TOO_BRIEF: ("Session-Expires", "Min-SE"),
    423: ("Expires", "Min-Expires"),
}


@dataclass(slots=True)
class Draft:
    """A request that may have to be sent more than once, each time under another number."""

    method: str
    uri: str
    headers: Headers
    next_cseq: Callable[[], int]
    body: str = ""
    kind: str = ""
    binds: bool = True
    """Whether it says where we are reached; a REGISTER that does not only asks."""


class Client:
    """One connection's."""

    def __init__(
        self,
        transport: Transport,
        name: str,
        credentials: Credentials,
        jobs: Jobs,
        on_late: Callable[[Message, Message], Awaitable[None]],
    ) -> None:
        """*on_late* is handed an INVITE that was given up, and the 2xx that came all the same."""
        self.transport = transport
        self.contact = f"<sip:{name}@{transport.host};transport=ws>"
        """Where we are reached: on this connection only."""
        self._credentials, self._jobs, self._on_late = credentials, jobs, on_late

    async def exchange(self, draft: Draft) -> tuple[Message, Message]:
        """Request and 2xx. Raises `SipError` with the status."""
        answered: set[Realm] = set()
        for _ in range(MAX_ROUNDS):
            request = self._request(draft)
            response = await self._final(request)
            if response.status < 300:
                return request, response
            if not self._credentials.learn(response, answered) and not _adapt(draft, response):
                break
        raise SipError(
            f"The SIP server refused our {draft.method} ({response.status}).",
            status=response.status,
        )

    def _request(self, draft: Draft) -> Message:
        headers = [
            ("Via", self.transport.via()),
            *draft.headers,
            *self._credentials.proofs(draft.method, draft.uri),
            ("CSeq", f"{draft.next_cseq()} {draft.method}"),
            ("Max-Forwards", "70"),
            ALLOW,
        ]
        if draft.binds:
            headers.append(("Contact", self.contact))
        if draft.kind:
            headers.append(("Content-Type", draft.kind))
        return Message(draft.method, draft.uri, headers=headers, body=draft.body)

    async def _final(self, request: Message) -> Message:
        """The final response; an INVITE that nobody waits for any more is cancelled."""
        if request.method != "INVITE":
            return await self.transport.request(request)
        transaction = self.transport.transactions.begin(request)
        try:
            await self.transport.send(request)
            response = await transaction.response(SECONDS_TO_CALL)
        except (asyncio.CancelledError, SipError):
            self._jobs.spawn(self._give_up(transaction), "SIP CANCEL")
            raise
        self.transport.transactions.end(transaction)
        if response.status >= 300:
            await self.transport.send(ack_of_refusal(request, response))
        return response

    async def _give_up(self, transaction: Transaction) -> None:
        invite = transaction.request
        try:
            async with asyncio.timeout(SECONDS_TO_END):
                await transaction.heard_of.wait()
            if not transaction.final.done():
                await self._cancel(invite)
            response = await transaction.response(SECONDS_TO_END)
            if response.status >= 300:
                await self.transport.send(ack_of_refusal(invite, response))
            else:  # they took it in the same moment
                await self._on_late(invite, response)
        except (SipError, TimeoutError) as error:
            log.debug("a call that was given up has no end: %s", error)
        finally:
            self.transport.transactions.end(transaction)

    async def _cancel(self, invite: Message) -> None:
        try:
            await self.transport.request(cancel_of(invite))
        except SipError as error:
            log.debug("not cancelled: %s", error.detail)


def _adapt(draft: Draft, response: Message) -> bool:
    """Whether the request can be made again with the interval that the other side wants."""
    name, minimum = _INTERVALS.get(response.status, ("", ""))
    ours = next((value for key, value in draft.headers if key == name), "")
    least, now = timer.seconds(response.get(minimum)), timer.seconds(ours)
    if least is None or now is None or least <= now:
        return False
    changed = {name: ours.replace(str(now), str(least), 1), minimum: str(least)}
    draft.headers = [(key, changed.get(key, value)) for key, value in draft.headers]
    return True
