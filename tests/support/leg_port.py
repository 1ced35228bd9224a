"""Legs as a driver sees them, without the box."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.control_link.words import Party
from tests.support.peer import Peer


class FixedLeg:
    """Offers this, whatever it is, and keeps the answer."""

    def __init__(self, offer: str = "v=0\r\n") -> None:
        self._offer = offer
        self.answered = ""

    async def offer(self) -> str:
        return self._offer

    async def accept(self, answer: str) -> None:
        self.answered = answer

    async def answer(self, offer: str) -> str:
        raise AssertionError("this leg only offers")

    async def place(self, parties: Mapping[str, Party]) -> None:
        raise AssertionError("this leg has one line only")

    async def speak(self) -> str:
        raise AssertionError("this leg speaks where it listens")

    async def accept_speaking(self, answer: str) -> None:
        raise AssertionError("this leg speaks where it listens")


class PeerLeg(FixedLeg):
    """A whole media end; connected when `accept` returns."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self._peer = peer

    async def offer(self) -> str:
        return await self._peer.offer()

    async def accept(self, answer: str) -> None:
        await super().accept(answer)
        await self._peer.accept(answer)
