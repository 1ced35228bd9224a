"""Opus as one of the codecs that a stream may change to."""

from __future__ import annotations

from appliance.leg.codecs import opus
from appliance.leg.codecs.base import CONCEALABLE
from appliance.leg.codecs.opus import Samples, packet_samples


class OpusStreamDecoder(opus.Decoder):
    """Implements `appliance.leg.codecs.base.Decoder`."""

    def recover(self, following: bytes, samples: int) -> Samples:
        """From the copy in *following*, which may be of more than *samples*: then their end."""
        # Asked for less than its packet lasts, libopus would not look at the copy.
        whole = max(-(-samples // CONCEALABLE) * CONCEALABLE, packet_samples(following))
        return super().recover(following, whole)[-samples:]
