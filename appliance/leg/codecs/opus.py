"""Opus (RFC 6716) through opuslib-next's bindings of libopus, with NumPy blocks in and out.

The low-level functions are used because the library's own wrappers turn each sample into a
Python integer, which costs more than the codec.
"""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray
from opuslib_next import APPLICATION_VOIP, OK
from opuslib_next.api import c_int16_pointer, ctl
from opuslib_next.api import decoder as lib_decoder
from opuslib_next.api import encoder as lib_encoder

from appliance.service.errors import BargeboxError

SAMPLE_RATE = 48_000
FRAME = 960
"""Samples of one 20 ms frame at 48 kHz."""
MAX_FRAME = 5_760
"""Samples of the longest packet that Opus allows (120 ms)."""
MAX_PAYLOAD = 1_275
"""Bytes of the longest frame (RFC 6716 section 3.2.1)."""
DTX_PAYLOAD = 2
"""Bytes of a frame that need not be sent: it says no more than that comfort noise goes on."""

Samples = NDArray[np.int16]


class OpusError(BargeboxError):
    """libopus refused a packet or a setting."""

    code = "opus"


class Encoder:
    """A mono voice encoder of 20 ms frames with in-band error correction."""

    def __init__(
        self, bitrate: int, complexity: int, expected_loss_percent: int, *, dtx: bool = False
    ) -> None:
        self._state = lib_encoder.create_state(SAMPLE_RATE, 1, APPLICATION_VOIP)
        self._out = (ctypes.c_char * MAX_PAYLOAD)()
        for request, value in (
            (ctl.set_bitrate, bitrate),
            (ctl.set_complexity, complexity),
            (ctl.set_inband_fec, 1),
            (ctl.set_packet_loss_perc, expected_loss_percent),
            (ctl.set_dtx, int(dtx)),
        ):
            lib_encoder.encoder_ctl(self._state, request, value)

    def __del__(self) -> None:
        if hasattr(self, "_state"):
            lib_encoder.destroy(self._state)

    def reset(self) -> None:
        """Forget all past audio (OPUS_RESET_STATE)."""
        lib_encoder.encoder_ctl(self._state, ctl.reset_state)

    def expect_loss(self, percent: int) -> None:
        """Prepare the error correction for so much loss (OPUS_SET_PACKET_LOSS_PERC), 0 to 100."""
        lib_encoder.encoder_ctl(self._state, ctl.set_packet_loss_perc, percent)

    def encode(self, frame: Samples) -> bytes:
        """Encode *frame*, shape ``(960,)``."""
        pcm = np.ascontiguousarray(frame)
        size: int = lib_encoder.libopus_encode(
            self._state, pcm.ctypes.data_as(c_int16_pointer), len(pcm), self._out, MAX_PAYLOAD
        )
        if size < 0:
            raise OpusError(f"the Opus encoder refused a frame of {len(pcm)} samples ({size})")
        return self._out.raw[:size]


class Decoder:
    """A mono decoder that can also conceal a loss or recover it from the packet after."""

    def __init__(self) -> None:
        self._state = lib_decoder.create_state(SAMPLE_RATE, 1)
        self._size = lib_decoder.libopus_get_size(1)
        self._pcm: Samples = np.zeros(MAX_FRAME, np.int16)
        self._pointer = self._pcm.ctypes.data_as(c_int16_pointer)

    def __del__(self) -> None:
        if hasattr(self, "_state"):
            lib_decoder.destroy(self._state)

    def reset(self) -> None:
        """Forget all past audio (OPUS_RESET_STATE)."""
        if lib_decoder.libopus_ctl(self._state, _OPUS_RESET_STATE) != OK:
            raise OpusError("the Opus decoder could not be reset")

    def go_on_as(self, other: Decoder) -> None:
        """Take over the past of *other*: libopus's state holds no pointer into itself."""
        ctypes.memmove(self._state, other._state, self._size)

    def decode(self, payload: bytes) -> Samples:
        """Decode one packet; raises `OpusError` for a malformed one."""
        return self._run(payload, MAX_FRAME, fec=False)

    def recover(self, following: bytes, samples: int) -> Samples:
        """The lost packet of *samples* before *following*, from its in-band copy if it has one."""
        return self._run(following, samples, fec=True)

    def conceal(self, samples: int) -> Samples:
        """*samples* (a multiple of 2.5 ms) that continue what was heard."""
        return self._run(None, samples, fec=False)

    def _run(self, payload: bytes | None, samples: int, *, fec: bool) -> Samples:
        size = 0 if payload is None else len(payload)
        count: int = lib_decoder.libopus_decode(
            self._state, payload, size, self._pointer, samples, int(fec)
        )
        if count < 0:
            raise OpusError(f"the Opus decoder refused a packet of {size} bytes ({count})")
        return self._pcm[:count].copy()


_OPUS_RESET_STATE = 4028


def packet_samples(payload: bytes) -> int:
    """How many samples at 48 kHz *payload* lasts (RFC 6716 section 3.1); 0 when malformed."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = 120 << (config & 3)
    counts = (1, 2, 2, payload[1] & 0x3F if len(payload) > 1 else 0)
    total = frame * counts[code]
    return total if total <= MAX_FRAME else 0
