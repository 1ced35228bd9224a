"""The leg process's leg of one session, as its driver connects it."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.control_link.commands import Answer, Join, Place, Speak
from appliance.control_link.words import Party
from appliance.monitoring.desk import Desk
from appliance.monitoring.leg_media import begin_afresh
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session import Session


class SessionLeg:
    """Implements `appliance.platforms.protocol.LegPort` over the control link. *again*: it takes
    the place of the connection that the session had.
    """

    def __init__(self, desk: Desk, session: Session, *, again: bool = False) -> None:
        self._desk = desk
        self._session = session
        self._again = again
        self._offer: str | None = None

    async def prepare(self) -> None:
        """Have the offer ready before the driver asks, where it will ask."""
        if self._desk.driver.leg.offers:
            self._offer = await self._join(None)

    async def offer(self) -> str:
        """Our offer."""
        if self._offer is None:
            self._offer = await self._join(None)
        return self._offer

    async def accept(self, answer: str) -> None:
        """The platform's answer to our offer."""
        await self._answer(answer, speaking=False)

    async def answer(self, offer: str) -> str:
        """Our answer to the platform's offer."""
        return await self._join(offer)

    async def place(self, parties: Mapping[str, Party]) -> None:
        """Who is on which audio line."""
        await self._desk.link.request(
            lambda n: Place(id=n, session_id=self._session.id, parties=dict(parties))
        )

    async def speak(self) -> str:
        """Our offer of a connection that only speaks."""
        settings = self._desk.settings
        reply = await self._desk.link.request(
            lambda n: Speak(id=n, session_id=self._session.id, ice_servers=settings.ice_servers),
            limit_s=settings.join_limit_s,
        )
        return _described(reply.sdp)

    async def accept_speaking(self, answer: str) -> None:
        """The platform's answer to it."""
        await self._answer(answer, speaking=True)

    async def _join(self, offer: str | None) -> str:
        desk, needs = self._desk, self._desk.driver.leg
        reply = await desk.link.request(
            lambda n: Join(
                id=n,
                session_id=self._session.id,
                direction=needs.direction,
                ice_servers=desk.settings.ice_servers,
                offer=offer,
                speaks_apart=needs.speaks_apart,
                again=self._again,
            ),
            limit_s=desk.settings.join_limit_s,
        )
        described = _described(reply.sdp)
        if self._again:
            begin_afresh(desk, self._session)
        return described

    async def _answer(self, answer: str, *, speaking: bool) -> None:
        await self._desk.link.request(
            lambda n: Answer(id=n, session_id=self._session.id, sdp=answer, speaking=speaking),
            limit_s=self._desk.settings.platform_request_s if speaking else None,
        )


def _described(sdp: str | None) -> str:
    if not sdp:
        raise RefusedError("The headset process described no connection.", code="failed")
    return sdp
