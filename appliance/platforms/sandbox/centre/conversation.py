"""A dialogue in two voices, laid out in time, that can be entered at any moment."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, Literal

from appliance.platforms.sandbox.centre.script import DIALOGUES
from appliance.platforms.sandbox.centre.sound import FRAME, RATE, SILENCE, Pcm
from appliance.platforms.sandbox.centre.speech import Lines

Side = Literal["agent", "customer"]
SIDES: Final[tuple[Side, Side]] = ("agent", "customer")

PAUSE = RATE // 2
"""Samples between two turns."""


def _whole_frames(samples: int) -> int:
    return -(-samples // FRAME) * FRAME


class Conversation:
    """Turns alternate, agent first, and begin again at the end. Turns start on a frame."""

    def __init__(self, lines: Lines, dialogue: int, agent_voice: str, customer_voice: str) -> None:
        self._starts: list[int] = []
        self._turns: list[tuple[Side, Pcm]] = []
        at = 0
        for number, text in enumerate(DIALOGUES[dialogue]):
            side = SIDES[number % 2]
            sound = lines[(agent_voice if side == "agent" else customer_voice, text)]
            self._starts.append(at)
            self._turns.append((side, sound))
            at += _whole_frames(len(sound) + PAUSE)
        self._length = at

    def frame(self, side: Side, number: int) -> Pcm:
        """20 ms of what *side* says in frame *number* since the call began."""
        at = number * FRAME % self._length
        turn = bisect_right(self._starts, at) - 1
        speaker, sound = self._turns[turn]
        offset = at - self._starts[turn]
        if speaker != side or offset >= len(sound):
            return SILENCE
        piece = sound[offset : offset + FRAME]
        if len(piece) == FRAME:
            return piece
        padded = SILENCE.copy()
        padded[: len(piece)] = piece
        return padded
