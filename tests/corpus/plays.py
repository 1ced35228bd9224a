"""What happens in a call while it is recorded, on any site of the contract suite."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass

from appliance.control_link.words import Audience
from tests.platforms.asterisk.people import Person
from tests.platforms.desk import Desk
from tests.platforms.faults.network import no_media
from tests.platforms.measured import AGENT_HZ, CUSTOMER_HZ
from tests.platforms.site import Site, SiteCall

STILL_S = 0.4


@dataclass(frozen=True)
class Stage:
    """A call that is listened to."""

    site: Site
    desk: Desk
    call: SiteCall
    handle: str

    async def both_speak(self, seconds: float) -> None:
        """A tone of each, for so long."""
        await self.call.agent.tone(AGENT_HZ)
        await self.call.customer.tone(CUSTOMER_HZ)
        await asyncio.sleep(seconds)


async def mute(stage: Stage) -> None:
    """One party after the other mutes and is heard again; at the end nobody speaks."""
    await stage.both_speak(1.0)
    for party in (stage.call.agent, stage.call.customer):
        await party.tone(None)
        await asyncio.sleep(0.8)
    await stage.both_speak(1.0)
    await stage.call.customer.tone(None)
    await asyncio.sleep(0.8)
    await stage.call.agent.tone(None)
    await asyncio.sleep(0.6)


async def hold(stage: Stage) -> None:
    """The agent holds the customer for 2 s and takes them back; then the customer hangs up."""
    await stage.both_speak(1.2)
    await stage.call.hold(True)
    await asyncio.sleep(2.0)
    await stage.call.hold(False)
    await stage.both_speak(1.2)
    await hang_up(stage)


async def transfer(stage: Stage) -> None:
    """The call goes to another agent, who speaks too; then the customer hangs up."""
    await stage.both_speak(1.2)
    await stage.call.transfer(stage.site.agent_ids[1])
    await stage.both_speak(2.5)
    await hang_up(stage)


async def barge(stage: Stage) -> None:
    """The platform joins the (muted) leg with the others, then apart again."""
    await stage.both_speak(1.2)
    for audience in (Audience.EVERYONE, None):
        await stage.desk.driver.set_audience(stage.handle, audience)
        await asyncio.sleep(1.5)


async def suppress(stage: Stage) -> None:
    """Both phones suppress silence: no packet comes from them for a while."""
    await stage.both_speak(1.0)
    parties = [p for p in (stage.call.agent, stage.call.customer) if isinstance(p, Person)]
    for sending in (False, True):
        for party in parties:
            party.sound.sending = sending
        await asyncio.sleep(1.2)


async def stand_still(stage: Stage) -> None:
    """The server's process stands still for 0.4 s, twice."""
    await stage.both_speak(1.5)
    for _ in range(2):
        os.kill(stage.site.pid(), signal.SIGSTOP)
        try:
            await asyncio.sleep(STILL_S)
        finally:
            os.kill(stage.site.pid(), signal.SIGCONT)
        await asyncio.sleep(1.5)


async def outage(stage: Stage) -> None:
    """No media passes for half a second."""
    await stage.both_speak(1.5)
    async with no_media():
        await asyncio.sleep(0.5)
    await asyncio.sleep(2.0)


async def hang_up(stage: Stage) -> None:
    """The call is over; what the leg still gets is kept as well."""
    await stage.call.customer.hang_up()
    await asyncio.sleep(0.5)
