"""The mixer of one joined call: who hears whom, 20 ms at a time.

| listener   | hears                                                            |
|------------|------------------------------------------------------------------|
| agent      | customer, supervisors whose audience is the agent or everyone    |
| customer   | agent, supervisors whose audience is everyone; music when held   |
| supervisor | agent and customer as they are on the line, music when held      |
"""

from __future__ import annotations

import time

import numpy as np

from appliance.control_link.words import Audience
from appliance.platforms.sandbox.centre.call import Call
from appliance.platforms.sandbox.centre.conversation import SIDES, Conversation, Side
from appliance.platforms.sandbox.centre.pacer import beats
from appliance.platforms.sandbox.centre.script import CUSTOMER_VOICES, DIALOGUES
from appliance.platforms.sandbox.centre.sound import (
    FRAME,
    RATE,
    SILENCE,
    Pcm,
    hold_music,
    level,
    mix,
    tone_level,
)
from appliance.platforms.sandbox.centre.speech import Lines
from appliance.platforms.sandbox.centre.tenant import voice_of

HEARS: dict[Side, frozenset[Audience]] = {
    "agent": frozenset({Audience.AGENT, Audience.EVERYONE}),
    "customer": frozenset({Audience.EVERYONE}),
}
"""The audiences that make a supervisor audible to a side."""

MUSIC = hold_music()
EAR_SECONDS = 10


class Ear:
    """The last ten seconds of what someone heard."""

    def __init__(self) -> None:
        self._samples = np.zeros(EAR_SECONDS * RATE, np.int16)
        self._end = 0

    def hear(self, frame: Pcm) -> None:
        """Add 20 ms."""
        at = self._end % len(self._samples)
        self._samples[at : at + FRAME] = frame
        self._end += FRAME

    def last(self, seconds: float) -> Pcm:
        """The last *seconds*, or what there is."""
        wanted = min(int(seconds * RATE), self._end, len(self._samples))
        at = np.arange(self._end - wanted, self._end) % len(self._samples)
        found: Pcm = self._samples[at]
        return found


class Mixer:
    """Runs while at least one supervisor is on the call."""

    def __init__(self, call: Call, lines: Lines) -> None:
        self.ears: dict[Side, Ear] = {side: Ear() for side in SIDES}
        self._call = call
        self._lines = lines
        self._agent = call.agent
        self._conversation = self._new_conversation()

    async def run(self) -> None:
        """Mix for ever, on the beat."""
        async for number, _ in beats(self._call.origin):
            self.tick(number)

    def tick(self, number: int) -> None:
        """Mix the frame *number* since the call began."""
        call = self._call
        if call.agent != self._agent:
            self._agent = call.agent
            self._conversation = self._new_conversation()
        now = time.monotonic()
        agent = call.parties["agent"].say(self._speech("agent", number), number, now)
        customer = call.parties["customer"].say(self._speech("customer", number), number, now)
        music = self._music(number)
        voices = [(leg, leg.voice()) for leg in call.legs.values()]

        def from_supervisors(side: Side) -> list[Pcm]:
            return [voice for leg, voice in voices if leg.audience in HEARS[side]]

        self.ears["agent"].hear(mix(customer, *from_supervisors("agent")))
        self.ears["customer"].hear(mix(agent, music, *from_supervisors("customer")))
        for_supervisors = mix(agent, customer, music)
        for leg, _ in voices:
            leg.hear(for_supervisors, number * FRAME)

    def measure(self, side: Side, hz: float | None, seconds: float) -> float:
        """Level in dBFS of what *side* heard last: of one frequency, or of everything."""
        heard = self.ears[side].last(seconds)
        return level(heard) if hz is None else tone_level(heard, hz)

    def _new_conversation(self) -> Conversation:
        call = self._call
        return Conversation(
            self._lines,
            call.dialogue % len(DIALOGUES),
            voice_of(call.agent),
            CUSTOMER_VOICES[call.customer_voice % len(CUSTOMER_VOICES)],
        )

    def _speech(self, side: Side, number: int) -> Pcm:
        if not (self._call.voices and self._call.talking):
            return SILENCE
        return self._conversation.frame(side, number)

    def _music(self, number: int) -> Pcm:
        if not self._call.voices or self._call.state not in ("on-hold", "transferring"):
            return SILENCE
        at = number * FRAME % len(MUSIC)
        return MUSIC[at : at + FRAME]
