"""The headset on real ALSA: the virtual card's two ends are the proof, not our own counters."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.capture import PERIOD_FRAMES
from appliance.audio.playback import PlaybackStream
from appliance.control_link.states import HeadsetState
from appliance.demo.soundcard import PCM, VirtualCard
from tests.support.soundcard import (
    VIRTUAL,
    Recorder,
    ToneSource,
    eventually,
    running_headset,
    sine,
    tone_level,
)

pytestmark = pytest.mark.alone


def recording_streams(card: VirtualCard) -> int:
    """Streams that take the microphone's sound now: neither absent nor paused."""
    listed = card.control("list", "source-outputs")
    return listed.count("Corked: no")


def test_what_is_pulled_is_heard_in_the_ear(virtual_card: VirtualCard) -> None:
    with running_headset(ToneSource(440, -12)) as headset, virtual_card.tap_ear() as tap:
        assert eventually(lambda: headset.state.playing)
        tap.record(0.3)
        heard = tap.record(1.0)
        assert tone_level(heard, 440) == pytest.approx(-12, abs=1)
        assert tone_level(heard, 880) < -60
        there = HeadsetState(present=True, name=PCM, playing=True)
        assert headset.state.model_copy(update={"underruns": 0}) == there


def test_sound_is_pulled_by_whole_periods(virtual_card: VirtualCard) -> None:
    """Else what is left of the source's last block would wait here, for up to 10 ms."""
    del virtual_card
    asked: list[int] = []

    class Asked(ToneSource):
        def pull(self, frames: int, channels: int, /) -> NDArray[np.int16]:
            asked.append(frames)
            return super().pull(frames, channels)

    with running_headset(Asked(440)):
        assert eventually(lambda: len(asked) > 150)
    assert {frames % VIRTUAL.period_frames for frames in asked} == {0}


def test_the_earpiece_is_not_looked_at_more_often_than_it_must(
    virtual_card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The virtual card is "ready" with a frame less than a period; every look wakes a processor."""
    del virtual_card
    looks, pulls = [], []
    look = PlaybackStream.available

    def counted(stream: PlaybackStream) -> int:
        looks.append(stream)
        return look(stream)

    class Counting(ToneSource):
        def pull(self, frames: int, channels: int, /) -> NDArray[np.int16]:
            pulls.append(frames // VIRTUAL.period_frames)
            return super().pull(frames, channels)

    monkeypatch.setattr(PlaybackStream, "available", counted)
    with running_headset(Counting(440)):
        assert eventually(lambda: len(pulls) > 150)
    assert len(looks) < 1.3 * sum(pulls)


def test_a_tone_at_the_mouth_is_captured(virtual_card: VirtualCard) -> None:
    virtual_card.play(sine(1000, -20))
    recorder = Recorder()
    with running_headset(ToneSource(440)) as headset:
        headset.start_capture(recorder)
        assert eventually(lambda: recorder.samples > 3 * 48_000)
        headset.stop_capture()
    assert tone_level(recorder.last(1.0), 1000) == pytest.approx(-20, abs=1)
    assert tone_level(recorder.last(1.0), 440) < -60
    assert all(block.ndim == 1 and len(block) <= PERIOD_FRAMES for block in recorder.blocks)
    # The times are the machine's monotonic clock and go with the samples, but for what a busy
    # machine holds up or (beyond 80 ms) throws away.
    span = recorder.times[-1] - recorder.times[0]
    assert span == pytest.approx(sum(map(len, recorder.blocks[:-1])) / 48_000, abs=0.5)
    assert 0 < time.monotonic() - recorder.times[-1] < 5


def test_muted_means_that_no_stream_exists(virtual_card: VirtualCard) -> None:
    virtual_card.play(sine(1000))
    with running_headset(ToneSource(440)) as headset:
        assert eventually(lambda: headset.state.playing)
        assert recording_streams(virtual_card) == 0
        recorder = Recorder()
        headset.start_capture(recorder)
        assert eventually(lambda: recorder.samples > 0)
        assert headset.state.capturing
        assert recording_streams(virtual_card) == 1
        headset.stop_capture()
        count = recorder.samples
        assert eventually(lambda: not headset.state.capturing)
        assert virtual_card.control("list", "short", "source-outputs") == ""
        time.sleep(0.1)
        assert recorder.samples == count


def test_nothing_from_before_the_start_is_captured(virtual_card: VirtualCard) -> None:
    """The sound server gives a new stream what it has just recorded for another one."""
    virtual_card.play(sine(1000))
    with (
        running_headset(ToneSource(440)) as other,
        running_headset(ToneSource(440)) as headset,
    ):
        keeps_it_running = Recorder()
        other.start_capture(keeps_it_running)
        assert eventually(lambda: keeps_it_running.samples > 0)
        assert eventually(lambda: headset.state.playing)
        for _ in range(20):
            recorder = Recorder()
            started = time.monotonic()
            headset.start_capture(recorder)
            assert eventually(lambda recorder=recorder: recorder.samples > 0)  # type: ignore[misc]
            headset.stop_capture()
            # Its first 20 ms as well: the moments are of the reading, which comes later.
            early = int((started + 0.019 - recorder.times[0]) * 48_000)
            assert early > 0
            assert not np.concatenate(recorder.blocks)[:early].any()
            time.sleep(random.random() * 0.02)  # anywhere in the server's own turn


def test_racing_starts_and_stops_end_right(virtual_card: VirtualCard) -> None:
    late: list[str] = []

    class Guarded(Recorder):
        stopped = False

        def push(self, block: NDArray[np.int16], at: float, /) -> None:
            if self.stopped:
                late.append("push after stop")
            super().push(block, at)

    chance = random.Random(5)
    with running_headset(ToneSource(440)) as headset:
        assert eventually(lambda: headset.state.playing)
        for _ in range(150):
            sink = Guarded()
            headset.start_capture(sink)
            time.sleep(chance.choice([0, 0, 0.001, 0.005, 0.02]))
            headset.stop_capture()
            sink.stopped = True
            if chance.random() < 0.5:
                time.sleep(chance.choice([0, 0.002, 0.01]))
        assert eventually(lambda: not headset.state.capturing)
        last = Guarded()
        headset.start_capture(Guarded())
        headset.stop_capture()
        headset.start_capture(last)
        assert eventually(lambda: last.samples > 4800)
        assert headset.state.capturing
    assert late == []
