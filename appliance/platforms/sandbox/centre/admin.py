"""Operations of an administrator: what tests, measurements and the demo do to the sandbox."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import Agent
from appliance.platforms.sandbox.centre.exchange import Exchange
from appliance.platforms.sandbox.centre.life import Life
from appliance.platforms.sandbox.centre.party import Click
from appliance.platforms.sandbox.centre.refusal import RefusedError
from appliance.platforms.sandbox.centre.requests import (
    AdminRequest,
    Bar,
    CreateCall,
    DropMedia,
    End,
    Hold,
    ListLegs,
    MakeClick,
    Measure,
    OnCall,
    OnLeg,
    Quiet,
    RefuseNextOffer,
    RemoveSupervisor,
    Roster,
    SetListed,
    Slow,
    Tone,
    Transfer,
    Unhold,
    UplinkLog,
)
from appliance.platforms.sandbox.centre.tenant import AGENTS, FLOWS, Casting, Flow
from appliance.webrtc import OPUS_SILENCE

SECONDS_FOR_A_CLICK = 30.0
MOST_PACKETS = 5000
"""Packets in one reply."""

Result = dict[str, Any]


class Admin:
    """Carries the operations out."""

    def __init__(self, exchange: Exchange, life: Life) -> None:
        self.reply_delay = 0.0
        """Seconds that replies to supervisors are held back."""
        self._exchange = exchange
        self._life = life

    async def do(self, request: AdminRequest) -> Result:
        """The result of *request*. Raises `RefusedError`."""
        match request:
            case OnCall():
                return await self._on_call(request)
            case OnLeg():
                return self._on_leg(request)
            case CreateCall():
                return {"call": self._exchange.begin(_cast(request), voices=request.voices).id}
            case ListLegs():
                return {"legs": self._legs()}
            case RefuseNextOffer():
                self._exchange.legs.refuse_next_offer = True
            case Bar(supervisor=supervisor, barred=True):
                self._exchange.legs.barred.add(supervisor)
            case Bar(supervisor=supervisor):
                self._exchange.legs.barred.discard(supervisor)
            case Slow(seconds=seconds):
                self.reply_delay = seconds
            case SetListed(n=n, changes_per_second=rate):
                await self._life.set_listed(n, rate)
        return {}

    async def _on_call(self, request: OnCall) -> Result:
        exchange = self._exchange
        if isinstance(request, Roster):
            return _roster(exchange, request)
        call = exchange.find(request.call)
        match request:
            case Hold():
                exchange.hold(call)
            case Unhold():
                exchange.unhold(call)
            case Transfer():
                flow = None if request.flow is None else _flow(request.flow)
                await exchange.transfer(call, _agent(request.to), request.seconds, flow)
            case End():
                exchange.end(call, request.by)
            case Quiet():
                call.voices = not request.quiet
            case Tone():
                party = call.parties[request.party]
                party.tone = None if request.hz is None else (request.hz, request.dbfs)
            case Measure():
                mixers = exchange.legs.mixers
                heard = mixers.measure(call, request.party, request.hz, request.seconds)
                return {"dbfs": heard}
            case MakeClick():
                click = Click(request.at, asyncio.get_running_loop().create_future())
                call.parties[request.party].clicks.append(click)
                return {"at": await _spoken(click)}
        return {}

    def _on_leg(self, request: OnLeg) -> Result:
        legs = self._exchange.legs
        match request:
            case UplinkLog():
                following, packets = legs.log_of(request.handle).since(request.since, MOST_PACKETS)
                return {
                    "next": following,
                    "packets": [_packet(*packet, request.payloads) for packet in packets],
                }
            case RemoveSupervisor():
                legs.end(request.handle, EndReason.REMOVED)
            case DropMedia() if request.handle in legs.placed:
                legs.placed[request.handle].leg.sends_media = not request.drop
            case _:
                raise RefusedError("not_found", f"No leg has the handle {request.handle}.")
        return {}

    def _legs(self) -> list[Result]:
        return [
            {
                "handle": handle,
                "call": placement.call.id,
                "supervisor": placement.leg.supervisor,
                "audience": placement.leg.audience,
                "connected": placement.leg.connected,
                "orphaned": placement.owner is None,
                "packets": placement.leg.uplink.log.count,
            }
            for handle, placement in self._exchange.legs.placed.items()
        ]


async def _spoken(click: Click) -> float:
    try:
        async with asyncio.timeout(SECONDS_FOR_A_CLICK):
            return await click.spoken
    except TimeoutError as error:
        raise RefusedError(
            "no_audio", "Nobody monitors this call, so it carries no audio."
        ) from error


def _packet(at: float, sequence: int, timestamp: int, payload: bytes, whole: bool) -> list[Any]:
    """[monotonic arrival, sequence, timestamp, length, is the silence frame, (hex)]."""
    short = [at, sequence, timestamp, len(payload), payload == OPUS_SILENCE]
    return [*short, payload.hex()] if whole else short


def _roster(exchange: Exchange, request: Roster) -> Result:
    call = exchange.find_or_ended(request.call)
    return {
        side: {
            "roster": [dataclasses.asdict(entry) for entry in call.roster(side)],
            "notices": [dataclasses.asdict(notice) for notice in party.notices],
        }
        for side, party in call.parties.items()
    }


def _cast(request: CreateCall) -> Casting:
    return Casting(
        agent=_agent(request.agent),
        customer=request.customer,
        contact_point=request.contact_point,
        queue=request.queue,
        flow=_flow(request.flow),
        direction=request.direction,
    )


def _flow(wanted: str) -> Flow:
    found = next((flow for flow in FLOWS if flow.name == wanted), None)
    if found is None:
        raise RefusedError("not_found", f"There is no flow {wanted}.")
    return found


def _agent(wanted: str) -> Agent:
    found = next((agent for agent in AGENTS if wanted in (agent.id, agent.name)), None)
    if found is None:
        raise RefusedError("not_found", f"There is no agent {wanted}.")
    return found
