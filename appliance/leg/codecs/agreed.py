"""Which codecs a connection's line offers, and which both sides agreed on (RFC 3264)."""

from __future__ import annotations

from aiortc import RTCRtpSender, RTCRtpTransceiver

from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.table import BY_NAME, COMFORT_NOISE, COMFORT_NOISE_TYPE, SPOKEN
from appliance.webrtc import agreed_codecs, also_receive


def prefer(transceiver: RTCRtpTransceiver) -> None:
    """Offer what we speak in our order, and answer with the first of it that is offered."""
    known = {
        codec.mimeType.partition("/")[2].upper(): codec
        for codec in RTCRtpSender.getCapabilities("audio").codecs
    }
    transceiver.setCodecPreferences([known[codec.name] for codec in SPOKEN])


def codecs_of(transceiver: RTCRtpTransceiver) -> dict[int, Codec]:
    """What each payload type of the line stands for; the first is what we speak. Empty before the
    other side's description.
    """
    agreed = agreed_codecs(transceiver)
    codecs = {number: BY_NAME[name] for number, name in agreed.items() if name in BY_NAME}
    if any(codec.clock == COMFORT_NOISE.clock for codec in codecs.values()):
        codecs.setdefault(COMFORT_NOISE_TYPE, COMFORT_NOISE)
    return codecs


def settle(transceiver: RTCRtpTransceiver) -> Codec | None:
    """What is spoken on the line, None where nothing was agreed on; comfort noise is let through.

    Call it between the other side's description and the first packet.
    """
    codecs = codecs_of(transceiver)
    if codecs.get(COMFORT_NOISE_TYPE) is COMFORT_NOISE:
        also_receive(transceiver.receiver, COMFORT_NOISE_TYPE)
    return next(iter(codecs.values()), None)
