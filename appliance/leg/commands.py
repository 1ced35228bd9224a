"""From a command of the control link to the leg, and back to its reply."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from appliance.audio.discovery import found_headsets
from appliance.control_link.commands import (
    AckPresses,
    Announce,
    Answer,
    AnyCommand,
    BeginCheck,
    CloseGate,
    EndCheck,
    HangUp,
    Join,
    LightLamp,
    ListHeadsets,
    OpenGate,
    Ping,
    Place,
    PlayTone,
    PrepareGate,
    RefuseGate,
    RefuseJoin,
    Renew,
    SelfTest,
    SetVolume,
    ShowRecovery,
    Speak,
)
from appliance.control_link.events import Reply
from appliance.control_link.states import CheckResult, HeadsetFound
from appliance.control_link.words import CheckEnd
from appliance.leg.call import CallError
from appliance.leg.cues import ended
from appliance.leg.leg import Leg
from appliance.leg.presses import Presses
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

MAX_DETAIL = 500


async def carry_out(
    command: AnyCommand,
    leg: Leg,
    presses: Presses,
    self_test: Callable[[], Awaitable[list[CheckResult]]],
    renew: Callable[[], None],
) -> Reply:
    """Do it, and say how it went. Expected faults become the reply's ``code`` and ``detail``."""
    try:
        return await _dispatch(command, leg, presses, self_test, renew)
    except BargeboxError as error:
        log.info("command %s refused: %s", command.type, error.detail, extra={"CODE": error.code})
        return Reply(id=command.id, ok=False, code=error.code, detail=error.detail[:MAX_DETAIL])


async def _dispatch(
    command: AnyCommand,
    leg: Leg,
    presses: Presses,
    self_test: Callable[[], Awaitable[list[CheckResult]]],
    renew: Callable[[], None],
) -> Reply:
    reply = Reply(id=command.id)
    match command:
        case Ping():
            pass
        case Join():
            reply = Reply(id=command.id, sdp=await leg.join(command))
        case Speak(session_id=session_id, ice_servers=ice_servers):
            reply = Reply(id=command.id, sdp=await leg.speak(session_id, ice_servers))
        case Answer(session_id=session_id, sdp=sdp, speaking=speaking):
            await leg.accept(session_id, sdp, speaking=speaking)
        case Place(session_id=session_id, parties=parties):
            leg.place(session_id, parties)
        case PrepareGate(session_id=session_id, epoch=only):
            leg.in_call(session_id)
            reply = Reply(id=command.id, epoch=leg.consent.prepare("control", only))
        case OpenGate(session_id=session_id, epoch=epoch, audience=audience):
            await leg.open(session_id, epoch, audience)
        case RefuseGate(session_id=session_id, epoch=epoch):
            leg.in_call(session_id)
            leg.consent.refuse(epoch, "refused")
        case CloseGate(session_id=session_id):
            leg.close_gate(session_id)
        case HangUp(session_id=session_id, reason=reason):
            leg.end(session_id, reason)
        case RefuseJoin(reason=reason):
            leg.downlink.play(ended(reason))
        case Announce():
            leg.announce()
        case SetVolume(percent=percent):
            leg.downlink.set_volume(percent)
        case AckPresses(through=through):
            presses.acknowledge(through)
        case ShowRecovery(on=on):
            leg.show_recovery(on)
        case SelfTest():
            if leg.call is not None or leg.testing or leg.checks.running:
                raise CallError("the self-test runs once at a time and not in a call", code="busy")
            reply = Reply(id=command.id, report=await self_test())
        case BeginCheck(kind=kind):
            leg.checks.begin(kind)
            await asyncio.sleep(0)  # what it tells goes before the reply
        case EndCheck():
            leg.checks.end(CheckEnd.ASKED)
            await asyncio.sleep(0)
        case PlayTone():
            leg.checks.tone()
        case LightLamp(lamp=lamp):
            leg.checks.light(lamp)
        case ListHeadsets():
            found = await asyncio.to_thread(found_headsets)
            told = [HeadsetFound(name=one.name, choice=one.identity) for one in found]
            reply = Reply(id=command.id, headsets=told)
        case Renew():
            if leg.call is not None or leg.testing or leg.checks.running:
                raise CallError("the headset process begins anew in idle only", code="busy")
            renew()
    return reply
