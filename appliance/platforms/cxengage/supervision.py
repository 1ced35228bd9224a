"""Our one leg at a time: how it is brought in, how its end is seen, and how it is taken out."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field
from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage import sdp
from appliance.platforms.cxengage.extension import why_none
from appliance.platforms.cxengage.life import Life
from appliance.platforms.cxengage.line import Invite, Line
from appliance.platforms.cxengage.rest import StatusError
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.protocol import LegPort, PlatformError

log = logging.getLogger(__name__)

READY_S = 4.0
"""How long joining waits for the registration at the voice gateway."""
OWED_S = 30.0
"""How long an end that was not told yet may still come, and must not end the next leg."""


@dataclass(slots=True, eq=False)
class Supervision:
    """One leg on one call."""

    handle: str
    interaction: str
    callsid: str | None = None
    asked: bool = False
    """The platform may have taken our request to monitor."""
    leaving: bool = False
    joined: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    taken_out: asyncio.Event = field(default_factory=asyncio.Event)
    end_told: bool = False
    """`silent-monitor-end` came."""


class Owed:
    """Ends of earlier legs that the queue has not told of yet, by interaction."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, interaction: str) -> None:
        """One is still to come."""
        now = time.monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[interaction] = now + OWED_S

    def settle(self, interaction: str) -> bool:
        """Whether this end was owed; it is no more."""
        return self._until.pop(interaction, 0.0) > time.monotonic()


async def bring_in(life: Life, one: Supervision, leg: LegPort, settings: CxEngageSettings) -> None:
    """Ask to monitor, and answer the call that comes. Raises `PlatformError`, `LegError`."""
    line = await _line(life)
    await line.until_ready(READY_S)
    if one.leaving:
        raise PlatformError("The call was left before it was joined.", code=EndReason.HUNG_UP)
    expected = line.expect()
    one.asked = True
    wanted = {
        "resourceId": life.account.user_id,
        "activeExtension": life.extension,
        "sessionId": life.session_id,
    }
    try:
        try:
            await life.interrupt(one.interaction, "silent-monitoring", wanted)
        except StatusError as error:
            one.asked = error.status >= 500
            raise refusal(error) from error
        async with asyncio.timeout(settings.invite_timeout):
            await _either(expected, one.ended)
    except TimeoutError as error:
        raise PlatformError(
            "CxEngage agreed, but did not call the box's leg; the flow may lack its Silent "
            "Monitoring object, which its designer can add.",
            code=EndReason.FAILED,
        ) from error
    finally:
        line.expect_nothing()
    if expected.cancelled():
        raise _withdrawn()
    invite = expected.result()
    one.callsid = invite.callsid
    answer = await leg.answer(sdp.for_leg(invite.sdp))
    if not line.is_over(invite.callsid) and not one.ended.is_set():
        await line.answer(invite, sdp.for_gateway(answer, invite.sdp))
    if line.is_over(invite.callsid) or one.ended.is_set():
        one.ended.set()
        await line.hang_up(invite.callsid)
        raise _withdrawn()
    one.joined = True


def _withdrawn() -> PlatformError:
    return PlatformError("CxEngage withdrew the call before it was joined; try again.")


async def _either(expected: asyncio.Future[Invite], ended: asyncio.Event) -> None:
    """Until the one or the other."""
    waiting = asyncio.create_task(ended.wait(), name="end before the invite")
    try:
        both: set[asyncio.Future[Any]] = {expected, waiting}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _line(life: Life) -> Line:
    """The line to be called by. Raises `PlatformError` in words when there is none."""
    if life.line is not None:
        return life.line
    await life.renew()  # it may have been mended just now
    raise PlatformError(
        "The extension of the box's account has just changed; try again in a moment."
        if life.outdated
        else why_none(life.extension),
        code=EndReason.FAILED,
    )


async def let_go(life: Life, one: Supervision) -> None:
    """End the media leg only."""
    if life.line is not None and one.callsid is not None:
        await life.line.hang_up(one.callsid)


def refusal(error: StatusError) -> PlatformError:
    """Why it may not be monitored, as far as the platform says it; its form is not known."""
    said = re.sub(r"[^a-z0-9]+", " ", error.said.lower())
    if error.status in (401, 403):
        return error
    if "monitor" in said and re.search(r"\b(disabled|not enabled|switched off|toggle)\b", said):
        return PlatformError(
            "Silent monitoring is switched off in the flow of this call; "
            "its designer can switch it on.",
            code=EndReason.MONITORING_DISABLED,
        )
    if "monitor" in said and re.search(r"\b(object|missing|notation|not configured)\b", said):
        return PlatformError(
            "The flow of this call has no Silent Monitoring object; its designer can add it.",
            code=EndReason.NO_MONITORING_OBJECT,
        )
    if error.status == 404:
        return PlatformError("This call is not at CxEngage any more.", code="not_found")
    if "7025" in said or "extension" in said:
        return PlatformError(
            "CxEngage does not accept the extension of the box's account; "
            "a tenant administrator can correct it.",
            code=EndReason.FAILED,
        )
    return error


async def take_out(
    life: Life, one: Supervision, *, removable: bool, settings: CxEngageSettings
) -> bool:
    """End our leg; whether the platform surely knows.

    Unless it is *removable* only the media leg goes: removing an agent's resource would end the
    customer's call.
    """
    removed = known = False
    if removable:
        try:
            await life.interrupt_own(one.interaction, "remove-resource")
            removed = known = True
        except StatusError as error:
            known = error.status == 404
            log.info("CxEngage does not remove our leg: %s", error.detail)
        except PlatformError as error:
            log.warning("our leg is let go without CxEngage's consent: %s", error.detail)
    if removed:
        await _wait(one.ended, settings.leave_wait)
    if not one.ended.is_set() and one.callsid is not None:
        await let_go(life, one)
        if not removed:
            await _wait(one.ended, settings.leave_wait)
    one.ended.set()
    return known


async def _wait(event: asyncio.Event, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        log.info("CxEngage did not say within %g s that our leg has ended", limit_s)
