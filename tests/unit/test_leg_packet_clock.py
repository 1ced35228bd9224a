"""The clock of the uplink's packets, in made-up time."""

from __future__ import annotations

import pytest

from appliance.leg.uplink.packet_clock import FRAME_S, PAY_BACK_S, PacketClock


def test_rtp_time_that_openings_put_ahead_comes_back_in_the_silence_after_them() -> None:
    clock, now, sent = PacketClock(), 1_000.0, 0
    begun = clock.start(now)
    for _ in range(50):
        for _ in range(10):
            waited = clock.start(now) - now
            assert 0 <= waited <= FRAME_S + PAY_BACK_S + 1e-9
            now += waited
            clock.kept_silent()
            sent += 1
        assert now - begun == pytest.approx((sent - 1) * FRAME_S)
        now += 0.001  # the microphone's first frame comes 19 ms early, the others at its pace
        for _ in range(5):
            clock.spoke(now)
            sent += 1
            now += FRAME_S


def test_a_microphone_that_is_slow_makes_no_burst_of_silence_after_it() -> None:
    clock, now = PacketClock(), 1_000.0
    clock.start(now)
    for _ in range(1_000):
        clock.spoke(now)
        now += FRAME_S + 0.0001
    assert clock.start(now) > now - 0.001
    clock.kept_silent()
    assert clock.start(now) - now == pytest.approx(FRAME_S, abs=0.001)


def test_a_sender_that_was_held_up_for_long_sends_nothing_for_what_it_missed() -> None:
    clock = PacketClock()
    clock.start(1_000.0)
    clock.kept_silent()
    assert clock.start(1_005.0) == 1_005.0
