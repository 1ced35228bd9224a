"""The E-model, as far as a packet line can change it: what people would say of the sound, 1 to 4.5.

The wide-band scale (ITU-T G.107.1: 129 at best) holds the narrow codecs too, so that they compare.
The headset gives no echo and the other defaults stand, which leaves three things: the codec, loss
(G.107 section 7.5) and delay (section 7.4). Pure functions, nothing of the leg.
"""

from __future__ import annotations

import math
from typing import NamedTuple

BEST = 129.0
"""R of a wide-band line without a fault (G.107.1 section 7.2)."""
TO_NARROW = 1.29
"""A wide-band R divided by so much reads as one of G.107 (G.107.1 annex A)."""
WORST_IMPAIRMENT = 95.0
MAX_BURST_RATIO = 2.0
"""The formula is made for no more (G.107 section 7.5)."""
NOTICED_MS = 100.0
"""Delay that nobody notices (mT, G.107 table 1, default class)."""


class Codec(NamedTuple):
    """What a codec costs without loss (Ie,WB), how it bears loss (Bpl), and its delay in ms."""

    impairment: float
    robustness: float
    delay_ms: float


OPUS = Codec(10.7, 9.8, 6.5)
"""G.113 has none. At 40 kbit/s, random loss, as Al-Ahmadi, Pocta and Melvin found with P.863."""
G722 = Codec(13.0, 9.8, 1.5)
"""Impairment of 64 kbit/s as in G.113 appendix IV. Robustness is assumed to be that of Opus."""
G711 = Codec(35.8, 25.1, 0.0)
"""What narrow band costs on this scale; robustness with concealment as in G.113 appendix I."""

CODECS = {
    "OPUS": OPUS,
    "G722": G722,
    "PCMU": G711,
    "PCMA": G711,
    "CN": G711,
}
"""By their names in session descriptions, in upper case."""


def loss_impairment(codec: Codec, loss_percent: float, burst_ratio: float = 1.0) -> float:
    """Ie,eff (G.107 section 7.5): of *loss_percent* of speech lost, after all repair.

    *burst_ratio* is how much longer the bursts are than those of random loss, 1 to 2.
    """
    loss = min(100.0, max(0.0, loss_percent))
    burst = min(MAX_BURST_RATIO, max(1.0, burst_ratio))
    worse = WORST_IMPAIRMENT - codec.impairment
    return codec.impairment + worse * loss / (loss / burst + codec.robustness)


def delay_impairment(delay_ms: float) -> float:
    """Idd (G.107 section 7.4): of a one-way delay from mouth to ear, without echo."""
    if delay_ms <= NOTICED_MS:
        return 0.0
    x = math.log2(delay_ms / NOTICED_MS)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def opinion(rating: float) -> float:
    """MOS of an R of G.107, 0 to 100 (annex B); 1.0 to 4.5 whatever comes in."""
    r = min(100.0, max(0.0, rating))
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def mos(codec: Codec, loss_percent: float, delay_ms: float, burst_ratio: float = 1.0) -> float:
    """MOS, conversational and estimated (MOS-CQE of ITU-T P.800.1), 1.0 to 4.5."""
    lost = loss_impairment(codec, loss_percent, burst_ratio)
    return opinion((BEST - lost - delay_impairment(delay_ms)) / TO_NARROW)
