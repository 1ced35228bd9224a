"""The driver of the sandbox contact centre. It touches no media: SDP passes through as text."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import (
    Capability,
    Check,
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    LegNeeds,
    LegPort,
    PlatformError,
    Sink,
)
from appliance.platforms.sandbox import wire
from appliance.platforms.sandbox.link import Link
from appliance.platforms.sandbox.settings import SandboxSettings
from appliance.platforms.telling import Teller
from appliance.service.jobs import Jobs
from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

SPEAKING = frozenset({Capability.COACH, Capability.BARGE})
SAID = frozenset(
    {
        EndReason.AGENT_ENDED,
        EndReason.CUSTOMER_ENDED,
        EndReason.CALL_ENDED,
        EndReason.REMOVED,
    }
)
"""Ends that matter to who wanted to leave a leg and could not: it might be joined anew."""


class SandboxDriver:
    """Implements `appliance.platforms.protocol.Driver`; connects again for ever once started."""

    name = "sandbox"

    def __init__(self, settings: SandboxSettings) -> None:
        self.leg = LegNeeds(direction=settings.leg_direction)
        every = frozenset(Capability)
        self.capabilities = every if settings.leg_direction == "sendrecv" else every - SPEAKING
        self._settings = settings
        self._teller = Teller()
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._snapshot: dict[str, Interaction] = {}
        self._handles: set[str] = set()
        """Legs that this driver believes to have."""
        self._leftovers: set[str] = set()
        """Legs to leave as soon as the platform can be reached."""
        self._tidy_up = asyncio.Event()
        self._jobs = Jobs()

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        """Begin to connect; returns at once."""
        self._teller.sink = sink
        settings = self._settings
        staying = self._teller.stay_connected(
            self._live_through_one, settings.retry_first, settings.retry_longest
        )
        self._task = deadly_task(staying, "sandbox platform")

    async def stop(self) -> None:
        """Disconnect."""
        await stop_tasks(self._task)
        self._task = None

    async def check(self) -> list[Check]:
        """Address, sign-in and list; there is no TLS, and media is the centre's own machine's."""
        try:
            link = await Link.open(self._settings.url, self._settings.request_timeout)
        except PlatformError as error:
            return [Check("address", passed=False, detail=error.detail)]
        checks = [Check("address", passed=True, detail=f"{self._settings.url} answers.")]
        reading = self._jobs.spawn(link.read(lambda event: None), "sandbox check")
        try:
            await self._greet(link)
            checks.append(Check("sign_in", passed=True, detail="The token is accepted."))
            await link.request("subscribe")
            checks.append(Check("list", passed=True, detail="The calls are listed."))
        except PlatformError as error:
            step: Literal["sign_in", "list"] = "sign_in" if len(checks) == 1 else "list"
            checks.append(Check(step, passed=False, detail=error.detail))
        finally:
            await stop_tasks(reading)
            await link.close()
        return checks

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently. A leg whose answer did not come in time is left."""
        link = self._connected()
        offer = await leg.offer()
        new = handle not in self._handles
        # Before the answer is here, for the end of the call may overtake it.
        self._handles.add(handle)
        try:
            result = await link.request(
                "monitor",
                handle=handle,
                interaction=interaction_id,
                supervisor=supervisor,
                offer=offer,
            )
        except PlatformError as error:
            if error.code == EndReason.PLATFORM_LOST:
                self._abandon(handle)
            elif new:
                self._handles.discard(handle)
            raise
        except asyncio.CancelledError:
            self._abandon(handle)
            raise
        answer = result.get("answer")
        if not isinstance(answer, str):
            self._abandon(handle)
            raise PlatformError("The sandbox joined without an answer; try again.")
        await leg.accept(answer)

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the centre's mixer has taken it over."""
        await self._connected().request("audience", handle=handle, audience=audience)

    async def leave(self, handle: str) -> None:
        """End our own leg; if the centre cannot be reached, as soon as it can."""
        self._abandon(handle)
        await self._connected().request("leave", handle=handle)
        self._leftovers.discard(handle)

    async def resume(self, handle: str, leg: LegPort) -> bool:
        """Take a leg of a former life up; its audience is as it was."""
        result = await self._connected().request("resume", handle=handle)
        if result.get("resumed") is not True:
            return False
        self._handles.add(handle)
        return True

    def _connected(self) -> Link:
        if self._link is None:
            raise PlatformError(
                "The sandbox contact centre cannot be reached at the moment; try again.",
                code=EndReason.PLATFORM_LOST,
            )
        return self._link

    def _abandon(self, handle: str) -> None:
        """The leg is unwanted: never resume it, and leave it when that is possible."""
        self._handles.discard(handle)
        self._leftovers.add(handle)
        self._tidy_up.set()

    # -- the connection's life

    async def _live_through_one(self) -> None:
        """From connecting to the loss. Raises `PlatformError` when it did not get that far."""
        link = await Link.open(self._settings.url, self._settings.request_timeout)
        reading = self._jobs.spawn(link.read(self._heard), "sandbox reader")
        tidying: asyncio.Task[None] | None = None
        try:
            await self._greet(link)
            self._link = link
            self._teller.all_is_well()
            await self._take_up(link)
            self._snapshot.clear()
            await link.request("subscribe")
            self._tidy_up.set()
            tidying = deadly_task(self._tidy(link), "sandbox leftovers")
            await reading
            self._teller.complain(
                "The connection to the sandbox contact centre was lost; trying again."
            )
        finally:
            self._link = None
            await stop_tasks(tidying, reading)
            await link.close()

    async def _greet(self, link: Link) -> None:
        token = self._settings.token.get_secret_value()
        try:
            await link.request("hello", token=token, tenant=self._settings.tenant)
        except PlatformError as error:
            if error.code == EndReason.PLATFORM_LOST:
                raise
            raise PlatformError(
                f"The sandbox contact centre does not let the box in: {error.detail} "
                "Copy token and tenant from its ready file into the settings.",
                code=error.code,
            ) from error

    async def _take_up(self, link: Link) -> None:
        """Own our legs again; those that ended meanwhile are told of now."""
        for handle in sorted(self._handles | self._leftovers):
            result = await link.request("resume", handle=handle)
            if result.get("resumed") is True:
                continue
            reason = _reason(result.get("reason"))
            if handle in self._leftovers and reason in SAID:
                self._teller.tell(LegEnded(handle, reason))
            self._ended(handle, reason)

    async def _tidy(self, link: Link) -> None:
        """Leave what was abandoned; whatever fails is tried again on the next connection."""
        while True:
            await self._tidy_up.wait()
            self._tidy_up.clear()
            for handle in sorted(self._leftovers):
                try:
                    await link.request("leave", handle=handle)
                except PlatformError as error:
                    log.warning("leg %s is not left yet: %s", handle, error.detail)
                else:
                    self._leftovers.discard(handle)

    # -- what the centre tells

    def _heard(self, event: wire.Interactions | wire.LegEnded) -> None:
        if isinstance(event, wire.LegEnded):
            self._ended(event.handle, event.reason)
        elif event.part is None:
            for interaction in event.items:
                self._teller.tell(InteractionChanged(interaction))
        else:
            self._snapshot.update((one.id, one) for one in event.items if one.state != "ended")
            if event.part == "last":
                self._teller.tell(InteractionsSnapshot(tuple(self._snapshot.values())))
                self._snapshot.clear()

    def _ended(self, handle: str, reason: EndReason) -> None:
        if handle in self._handles:
            self._handles.discard(handle)
            self._teller.tell(LegEnded(handle, reason))


def _reason(word: object) -> EndReason:
    """The reason a leg ended while nobody listened; a centre that was restarted knows none."""
    try:
        return EndReason(str(word))
    except ValueError:
        return EndReason.PLATFORM_LOST
