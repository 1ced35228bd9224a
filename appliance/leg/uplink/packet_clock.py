"""When the uplink's next packet is due, on a clock of 20 ms that never runs backwards."""

from __future__ import annotations

from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE

FRAME_S = FRAME / SAMPLE_RATE
PAY_BACK_S = 0.005
"""How much longer than 20 ms a silence frame may be waited for."""
STALLED_S = 1.0
"""Held up for longer, the clock begins anew and sends nothing for what it has missed."""


class PacketClock:
    """Times in monotonic seconds.

    RTP time goes on by 20 ms a packet, whatever the packet is. A microphone frame is sent as soon
    as it is there, up to a frame sooner than the silence frame that it takes the place of, so that
    RTP time gets ahead of the clock on the wall, at each opening a little more. A receiver would
    take that for delay and hold all later ones back. So the silence after it comes a little later
    than it might, until both clocks agree.
    """

    def __init__(self) -> None:
        self.due: float | None = None
        """When the next packet should go; None before the first."""
        self._ahead = 0.0

    def start(self, now: float) -> float:
        """When the packet that is asked for at *now* is due."""
        if self.due is None or now - self.due > STALLED_S:
            self.due = now
            self._ahead = 0.0
        return self.due

    def spoke(self, now: float) -> None:
        """A frame of the microphone goes out at *now*, on the microphone's own clock."""
        due = self.start(now)
        self._ahead = max(0.0, self._ahead + due - now)
        self.due = now + FRAME_S

    def kept_silent(self) -> None:
        """A silence frame goes out, as far as this clock knows when it was due."""
        if self.due is not None:
            back = min(self._ahead, PAY_BACK_S)
            self._ahead -= back
            self.due += FRAME_S + back
