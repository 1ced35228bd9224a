"""Client transactions over a reliable transport (RFC 3261 section 17.1): nothing is sent twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Message

MAX_TRANSACTIONS = 256
"""At once; a further request is refused."""


def _future() -> asyncio.Future[Message]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class Transaction:
    """A request of ours, and what came back."""

    request: Message
    heard_of: asyncio.Event = field(default_factory=asyncio.Event)
    """Any response at all: only then may an INVITE be cancelled (RFC 3261 section 9.1)."""
    final: asyncio.Future[Message] = field(default_factory=_future)

    async def response(self, limit_s: float) -> Message:
        """The final one. Raises `SipError` when there is none in time.

        Giving up to wait leaves the transaction as it is.
        """
        await asyncio.wait([self.final], timeout=limit_s)
        if not self.final.done():
            raise SipError(f"The SIP server did not answer a {self.request.method} in time.")
        return self.final.result()


class Transactions:
    """Those of one connection."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Transaction] = {}
        self._lost: SipError | None = None

    def begin(self, request: Message) -> Transaction:
        """Raises `SipError` when there are too many, or the connection is lost."""
        if self._lost is not None:
            raise SipError(self._lost.detail)
        if len(self._open) >= MAX_TRANSACTIONS:
            raise SipError("Too many SIP requests are waiting for their answers; try again.")
        transaction = Transaction(request)
        self._open[(request.branch, request.method)] = transaction
        return transaction

    def end(self, transaction: Transaction) -> None:
        """Nobody waits for it any more."""
        self._open.pop((transaction.request.branch, transaction.request.method), None)
        if transaction.final.done() and not transaction.final.cancelled():
            transaction.final.exception()  # retrieved, also when nobody asked for it
        else:
            transaction.final.cancel()

    def settle(self, response: Message) -> bool:
        """Whether it belonged to one; by branch and method, as a CANCEL has its INVITE's branch."""
        transaction = self._open.get((response.branch, response.cseq[1]))
        if transaction is None:
            return False
        transaction.heard_of.set()
        if transaction.final.done():
            return False
        if response.status >= 200:
            transaction.final.set_result(response)
        return True

    def fail(self, error: SipError) -> None:
        """The connection is lost, and with it every answer."""
        self._lost = error
        for transaction in self._open.values():
            transaction.heard_of.set()
            if not transaction.final.done():
                transaction.final.set_exception(SipError(error.detail))
