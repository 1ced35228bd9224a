"""What the tests of the leg's media share: a track with nothing to send, a stock answer."""

from __future__ import annotations

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from appliance.leg.gate import MicrophoneGate
from appliance.leg.settings import LegSettings
from appliance.leg.uplink.track import UplinkTrack
from appliance.leg.uplink.uplink import Uplink


def new_track(gate: MicrophoneGate | None = None) -> UplinkTrack:
    """A track behind a gate that nobody follows."""
    gate = gate or MicrophoneGate(lambda state: None, lambda on: None, lambda: None)
    return UplinkTrack(gate, Uplink(gate, LegSettings()))


async def answer_to(offer: str) -> tuple[str, RTCPeerConnection]:
    """Stock aiortc's answer, and the connection that the caller closes."""
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await other.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await other.setLocalDescription(await other.createAnswer())
    return other.localDescription.sdp, other
