"""What the leg changes in a session description."""

from __future__ import annotations

from appliance.leg.sdp import offer_error_correction

OFFER = (
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96 0\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
)


def test_error_correction_is_asked_for_once_and_for_opus_only() -> None:
    once = offer_error_correction(OFFER)
    assert once.count("a=fmtp:96 minptime=10;useinbandfec=1\r\n") == 1
    assert "a=fmtp:0 " not in once
    assert offer_error_correction(once) == once


def test_settings_of_opus_that_are_there_are_left_alone() -> None:
    described = OFFER + "a=fmtp:96 stereo=1\r\n"
    assert offer_error_correction(described) == described


def test_every_line_ends_as_the_standard_says() -> None:
    assert offer_error_correction(OFFER.replace("\r\n", "\n")) == offer_error_correction(OFFER)
