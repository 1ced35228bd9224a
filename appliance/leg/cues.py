"""Earcons: the sounds of the panel table, made by code, mono int16 at 48 kHz."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import numpy as np

from appliance.control_link.words import EndReason
from appliance.leg.codecs.opus import SAMPLE_RATE, Samples

LOUDNESS = 0.11
"""Peak of a tone (−19 dBFS): heard over speech, below it in level."""
RAMP_S = 0.006


class Cue(StrEnum):
    """The earcons that belong to a state or to a refusal; end reasons have their own."""

    JOINED = "joined"
    OPENED = "opened"
    CLOSED = "closed"
    LIVE_REMINDER = "live_reminder"
    GAP = "gap"
    REFUSED = "refused"
    FAULT = "fault"
    WATCHED = "watched"
    CHECK = "check"


Note = tuple[float, float]
"""Frequency in Hz (0 is a rest) and length in seconds."""

_NOTES: dict[Cue, tuple[Note, ...]] = {
    Cue.JOINED: ((330, 0.18),),
    Cue.OPENED: ((523, 0.09), (784, 0.12)),
    Cue.CLOSED: ((784, 0.09), (523, 0.12)),
    Cue.LIVE_REMINDER: ((660, 0.06),),
    Cue.GAP: ((440, 0.07), (0, 0.07), (440, 0.07)),
    Cue.REFUSED: ((220, 0.12), (0, 0.05), (220, 0.12), (0, 0.05), (220, 0.12)),
    Cue.FAULT: ((196, 0.25), (0, 0.08), (185, 0.4)),
    # High, and down again at its end: nothing that opens ends so.
    Cue.WATCHED: ((880, 0.07), (1109, 0.07), (880, 0.11)),
    # As long as nothing else, so that a person who waits for it is sure.
    Cue.CHECK: ((440, 1.2),),
}
_ENDED: tuple[Note, ...] = ((294, 0.14), (0, 0.05), (220, 0.2))

_REASONS: dict[EndReason, tuple[Note, ...]] = {
    EndReason.HUNG_UP: (),
    EndReason.AGENT_ENDED: ((587, 0.1),),
    EndReason.CUSTOMER_ENDED: ((587, 0.1), (0, 0.06), (587, 0.1)),
    EndReason.CALL_ENDED: ((587, 0.22),),
    EndReason.REMOVED: ((587, 0.1), (440, 0.1), (330, 0.14)),
    EndReason.NOT_PERMITTED: ((175, 0.3),),
    EndReason.NO_MONITORING_OBJECT: ((175, 0.15), (0, 0.06), (175, 0.15)),
    EndReason.MONITORING_DISABLED: ((175, 0.15), (0, 0.06), (175, 0.15), (0, 0.06), (175, 0.15)),
    EndReason.OWN_CALL: ((392, 0.1), (0, 0.05), (392, 0.1), (0, 0.05), (392, 0.3)),
    EndReason.PLATFORM_LOST: ((494, 0.1), (415, 0.1), (349, 0.1), (294, 0.2)),
    EndReason.MEDIA_LOST: ((494, 0.1), (415, 0.2)),
    EndReason.HEADSET_LOST: ((349, 0.1), (494, 0.2)),
    EndReason.CONTROL_LOST: ((415, 0.1), (349, 0.1), (415, 0.2)),
    EndReason.FAILED: ((185, 0.5),),
}


@cache
def cue(which: Cue) -> Samples:
    """The samples of one earcon, shape ``(n,)``. Shared: do not write into them."""
    return _render(_NOTES[which])


@cache
def ended(reason: EndReason) -> Samples:
    """Two low tones, a breath, then the reason's own pattern."""
    tail = _REASONS[reason]
    return _render((*_ENDED, (0, 0.25), *tail) if tail else _ENDED)


def _render(notes: tuple[Note, ...]) -> Samples:
    parts = [_tone(hertz, seconds) for hertz, seconds in notes]
    samples: Samples = np.concatenate(parts)
    samples.setflags(write=False)
    return samples


def _tone(hertz: float, seconds: float) -> Samples:
    count = int(seconds * SAMPLE_RATE)
    if not hertz:
        return np.zeros(count, np.int16)
    time = np.arange(count) / SAMPLE_RATE
    # A quiet octave above makes a low tone audible in a telephone headset.
    wave = np.sin(2 * np.pi * hertz * time) + 0.3 * np.sin(4 * np.pi * hertz * time)
    ramp = np.minimum(1.0, np.minimum(time, time[::-1]) / RAMP_S)
    return (wave / 1.3 * ramp * LOUDNESS * 32767).astype(np.int16)
