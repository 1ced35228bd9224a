"""What a track of stock aiortc gives to who reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from numpy.typing import NDArray


async def blocks_of(track: MediaStreamTrack) -> AsyncIterator[NDArray[np.int16]]:
    """The first channel of each frame, shape ``(samples,)``, until the track ends."""
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame)
        yield frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)].astype(np.int16)
