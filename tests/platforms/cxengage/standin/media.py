"""The sound of one call: two parties with mouths and ears, and supervisors' legs, mixed for real.

The offer of a leg looks like one that was logged at the real gateway: ice-lite, ``mid:audio``,
RTP/SAVPF 111 0 126, one UDP host candidate, one sha-256 fingerprint. That the mixer is muted per
leg and that hold makes both parties deaf is [I].
"""

from __future__ import annotations

import asyncio
import fractions
import re
import time
from typing import Any

import opuslib_next
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from appliance.platforms.sandbox.centre.leg import SpeakerTrack
from appliance.platforms.sandbox.centre.mixer import Ear
from appliance.platforms.sandbox.centre.pacer import beats
from appliance.platforms.sandbox.centre.sound import (
    FRAME,
    RATE,
    SILENCE,
    Pcm,
    mix,
    tone,
    tone_level,
)
from appliance.platforms.sandbox.centre.uplink import Uplink
from appliance.webrtc import tap_receiver

TIME_BASE = fractions.Fraction(1, RATE)


class Party:
    """A mouth, an ear and a screen."""

    def __init__(self) -> None:
        self.hz: float | None = None
        self.dbfs = -20.0
        self.ear = Ear()
        self.notices: list[str] = ["the call began"]

    def say(self, number: int) -> Pcm:
        """The next 20 ms."""
        return SILENCE if self.hz is None else tone(self.hz, self.dbfs, number * FRAME)

    def level(self, hz: float, seconds: float) -> float:
        """dBFS of one frequency in what was heard last."""
        return tone_level(self.ear.last(seconds), hz)


class Leg:
    """A supervisor's connection; it offers, and nobody hears it until it is un-muted."""

    def __init__(self) -> None:
        self.muted = True
        self.silenced = False
        self.uplink = Uplink()
        self._gateway = True
        self._track = SpeakerTrack()
        self._encoder: Any = opuslib_next.Encoder(RATE, 1, "voip")
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def offer(self, *, gateway: bool, mid: bool) -> str:
        """Our description; in the style of the voice *gateway*, or as it is."""
        self._gateway = gateway
        transceiver = self._peer.addTransceiver(self._track, direction="sendrecv")
        tap_receiver(transceiver.receiver, self.uplink.packet)
        await self._peer.setLocalDescription()
        if not gateway:
            return self._peer.localDescription.sdp
        transport = transceiver.receiver.transport.transport
        # An ice-lite peer is always controlled (RFC 8445 section 6.1.1).
        transport._connection.ice_controlling = False
        return gateway_style(self._peer.localDescription.sdp, mid=mid)

    async def accept(self, answer: str) -> None:
        """The supervisor's answer."""
        if self._gateway:
            answer = as_aiortc(answer)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    @property
    def state(self) -> str:
        """aiortc's word for it."""
        return self._peer.connectionState

    def voice(self) -> Pcm:
        """The supervisor's next 20 ms; thrown away while muted."""
        frame = self.uplink.take()
        return SILENCE if self.muted else frame

    def hear(self, frame: Pcm, timestamp: int) -> None:
        """Send 20 ms to the supervisor."""
        if self._track.wanted and not self.silenced:
            self._track.put(self._encoder.encode(frame.tobytes(), FRAME), timestamp)

    async def close(self) -> None:
        """Close the connection."""
        await self._peer.close()


def gateway_style(sdp: str, *, mid: bool) -> str:
    """aiortc's offer as the gateway would write it."""
    dynamic = re.search(r"a=rtpmap:(\d+) opus/48000/2", sdp)
    assert dynamic
    out = []
    candidates = 0
    for line in sdp.replace("\r\n", "\n").splitlines():
        if line.startswith("m=audio"):
            port = line.split()[1]
            out.append(f"m=audio {port} RTP/SAVPF 111 0 126")
        elif line.startswith(("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:", "a=msid")):
            continue
        elif line.startswith("a=group:"):
            out += ["a=ice-lite", *(["a=group:BUNDLE audio"] if mid else [])]
        elif line.startswith("a=mid:"):
            out += ["a=mid:audio"] if mid else []
            out += [
                "a=rtpmap:111 opus/48000/2",
                "a=fmtp:111 minptime=20;useinbandfec=1",
                "a=rtpmap:0 PCMU/8000",
                "a=rtpmap:126 telephone-event/8000",
            ]
        elif line.startswith("a=candidate:"):
            candidates += 1
            out += [line] if candidates == 1 else []
        elif line.startswith("a=fingerprint:") and "sha-256" not in line:
            continue
        else:
            out.append(line)
    return "\r\n".join(out) + "\r\n"


def as_aiortc(answer: str) -> str:
    """The box's answer to the gateway as aiortc wants it. Raises `ValueError` for a wrong one."""
    if "RTP/SAVPF 111" not in answer or "UDP/TLS" in answer:
        raise ValueError("the answer must repeat the offered profile and codec")
    fingerprints = re.findall(r"a=fingerprint:(\S+)", answer)
    if fingerprints != ["sha-256"]:
        raise ValueError(f"one sha-256 fingerprint is wanted, not {fingerprints}")
    answer = answer.replace("a=mid:audio", "a=mid:0").replace("BUNDLE audio", "BUNDLE 0")
    if "a=mid:" not in answer:
        answer = re.sub(r"(m=audio [^\r\n]*\r?\n)", "\\1a=mid:0\r\n", answer)
    return answer


class Room:
    """Agent, customer and the legs of one call, 20 ms at a time."""

    def __init__(self) -> None:
        self.agent = Party()
        self.customer = Party()
        self.legs: list[Leg] = []
        self.held = False
        self._mixing = asyncio.create_task(self._mix())

    async def _mix(self) -> None:
        async for number, _ in beats(time.monotonic()):
            agent, customer = self.agent.say(number), self.customer.say(number)
            voices = {leg: leg.voice() for leg in self.legs}
            across = (SILENCE, SILENCE) if self.held else (customer, agent)
            self.agent.ear.hear(mix(across[0], *voices.values()))
            self.customer.ear.hear(mix(across[1], *voices.values()))
            for leg in self.legs:
                others = [voice for other, voice in voices.items() if other is not leg]
                leg.hear(mix(agent, customer, *others), number * FRAME)

    async def close(self) -> None:
        """Stop mixing."""
        self._mixing.cancel()
        await asyncio.gather(self._mixing, return_exceptions=True)
