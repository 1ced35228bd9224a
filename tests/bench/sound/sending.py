"""What every receiver is sent: one voice's packets, encoded once."""

from __future__ import annotations

from functools import cache

import numpy as np
from opuslib_next.api import ctl
from opuslib_next.api import encoder as lib_encoder

from appliance.leg.codecs.opus import FRAME, Encoder, Samples

BITRATE, COMPLEXITY, EXPECTED_LOSS_PERCENT = 40_000, 10, 5
DTX_PAYLOAD = 2
"""Bytes of a packet that says no more than "go on with comfort noise"."""

Packets = list[bytes | None]


def encode(source: Samples, *, dtx: bool) -> Packets:
    """Packets of 20 ms; None where a DTX sender, as libwebrtc does, sends none."""
    encoder = Encoder(BITRATE, COMPLEXITY, EXPECTED_LOSS_PERCENT)
    lib_encoder.encoder_ctl(encoder._state, ctl.set_dtx, int(dtx))
    packets: Packets = []
    before = False
    for at in range(0, len(source) - FRAME + 1, FRAME):
        payload = encoder.encode(source[at : at + FRAME])
        silent = len(payload) <= DTX_PAYLOAD
        packets.append(None if silent and before else payload)
        before = silent
    return packets


@cache
def _remembered(key: bytes, dtx: bool) -> Packets:
    return encode(np.frombuffer(key, np.int16), dtx=dtx)


def encoded(source: Samples, *, dtx: bool) -> Packets:
    """`encode`, remembered over the scenarios."""
    return _remembered(source.tobytes(), dtx)
