"""The headset on real ALSA: the virtual card's two ends are the proof, not our own counters."""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alsaaudio
import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.headset import Headset, PlaybackSource
from appliance.audio.levels import tone_dbfs
from appliance.audio.pcm import Waker
from appliance.audio.playback import PlaybackStream
from appliance.audio.settings import AudioSettings
from appliance.control_link.messages import HeadsetState
from appliance.demo.soundcard import HEADSET, PCM, VirtualCard
from tests.support.soundcard import (
    Recorder,
    ToneSource,
    card_of_this_process,
    eventually,
    sine,
    tone_level,
)

SETTINGS = AudioSettings(headset=HEADSET)


@pytest.fixture
def virtual_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualCard]:
    with card_of_this_process(tmp_path / "card", monkeypatch) as card:
        yield card


@contextmanager
def running(
    source: PlaybackSource,
    settings: AudioSettings = SETTINGS,
    on_change: Callable[[HeadsetState], None] = lambda _state: None,
) -> Iterator[Headset]:
    headset = Headset(settings, source, on_change)
    headset.start()
    try:
        yield headset
    finally:
        headset.stop()


def recording_streams(card: VirtualCard) -> int:
    """Streams that take the microphone's sound now: neither absent nor paused."""
    listed = card.control("list", "source-outputs")
    return listed.count("Corked: no")


def test_what_is_pulled_is_heard_in_the_ear(virtual_card: VirtualCard) -> None:
    with running(ToneSource(440, -12)) as headset, virtual_card.tap_ear() as tap:
        assert eventually(lambda: headset.state.playing)
        tap.record(0.3)
        heard = tap.record(1.0)
        assert tone_level(heard, 440) == pytest.approx(-12, abs=1)
        assert tone_dbfs(heard, 880) < -60
        assert headset.state == HeadsetState(present=True, name=PCM, playing=True)


def test_a_tone_at_the_mouth_is_captured(virtual_card: VirtualCard) -> None:
    virtual_card.play(sine(1000, -20))
    recorder = Recorder()
    with running(ToneSource(440)) as headset:
        headset.start_capture(recorder)
        assert eventually(lambda: recorder.samples > 3 * 48_000)
        headset.stop_capture()
    assert tone_level(recorder.last(1.0), 1000) == pytest.approx(-20, abs=1)
    assert tone_dbfs(recorder.last(1.0), 440) < -80
    assert all(block.ndim == 1 and len(block) <= 480 for block in recorder.blocks)
    assert all(
        early < late for early, late in zip(recorder.times, recorder.times[1:], strict=False)
    )
    # The times are the machine's monotonic clock, and count the samples.
    span = recorder.times[-1] - recorder.times[0]
    assert span == pytest.approx(sum(map(len, recorder.blocks[:-1])) / 48_000, abs=0.1)


def test_muted_means_that_no_stream_exists(virtual_card: VirtualCard) -> None:
    virtual_card.play(sine(1000))
    with running(ToneSource(440)) as headset:
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


def test_racing_starts_and_stops_end_right(virtual_card: VirtualCard) -> None:
    late: list[str] = []

    class Guarded(Recorder):
        stopped = False

        def push(self, block: NDArray[np.int16], at: float, /) -> None:
            if self.stopped:
                late.append("push after stop")
            super().push(block, at)

    chance = random.Random(5)
    with running(ToneSource(440)) as headset:
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


def test_unplugged_and_back_in_the_middle_of_both_streams(virtual_card: VirtualCard) -> None:
    states: list[HeadsetState] = []
    recorder = Recorder()
    virtual_card.play(sine(1000, -20))
    with (
        running(ToneSource(440, -12), on_change=states.append) as headset,
        virtual_card.tap_ear() as tap,
    ):
        headset.start_capture(recorder)
        assert eventually(lambda: recorder.samples > 4800)
        virtual_card.unplug()
        assert eventually(lambda: not headset.state.present and not headset.state.capturing)
        assert not headset.state.playing
        assert headset.state.name == PCM
        assert "plug it in" in headset.state.detail
        tap.record(0.3)
        assert tone_dbfs(tap.record(0.5), 440) < -80
        count = recorder.samples

        beats = headset.beats()
        used, began = time.process_time(), time.monotonic()
        assert eventually(lambda: headset.beats() >= beats + 2)
        time.sleep(1.0)
        share = (time.process_time() - used) / (time.monotonic() - began)
        assert share < 0.25, "a thread spins on a device that is away"

        virtual_card.replug()
        assert eventually(lambda: headset.state.playing and headset.state.capturing)
        assert headset.state.detail == ""
        assert eventually(lambda: recorder.samples > count + 48_000)
        assert tone_level(recorder.last(0.5), 1000) == pytest.approx(-20, abs=1)
        tap.record(0.3)
        assert tone_level(tap.record(0.5), 440) == pytest.approx(-12, abs=1)
    assert [state.present for state in states if state.playing][-1]
    assert not states[-1].playing
    assert not states[-1].capturing


def test_plugged_in_later_and_wanted_before(virtual_card: VirtualCard) -> None:
    virtual_card.unplug()
    virtual_card.play(sine(1000))
    recorder = Recorder()
    with running(ToneSource(440)) as headset:
        headset.start_capture(recorder)
        assert eventually(lambda: "is not there" in headset.state.detail)
        beats = headset.beats()
        assert eventually(lambda: headset.beats() > beats)
        virtual_card.replug()
        assert eventually(lambda: recorder.samples > 4800)
        assert headset.state.playing


def test_an_unknown_device_is_named(virtual_card: VirtualCard) -> None:
    del virtual_card
    with running(ToneSource(440), AudioSettings(headset="pcm:no_such_headset")) as headset:
        assert eventually(lambda: "no_such_headset" in headset.state.detail)
        assert "check the headset setting" in headset.state.detail
        assert not headset.state.present


def test_a_busy_device_says_so_and_is_tried_again(
    virtual_card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    del virtual_card
    real = alsaaudio.PCM
    busy = threading.Event()
    busy.set()

    def pcm(*arguments: Any, **named: Any) -> Any:
        if busy.is_set():
            raise alsaaudio.ALSAAudioError(f"{os.strerror(errno.EBUSY)} [{PCM}]")
        return real(*arguments, **named)

    monkeypatch.setattr(alsaaudio, "PCM", pcm)
    recorder = Recorder()
    with running(ToneSource(440)) as headset:
        headset.start_capture(recorder)
        assert eventually(lambda: "earpiece" in headset.state.detail)
        assert "in use by another program" in headset.state.detail
        assert (headset.state.present, headset.state.playing) == (True, False)
        busy.clear()
        assert eventually(lambda: headset.state.playing and recorder.samples > 0)
        headset.stop_capture()
        assert eventually(lambda: not headset.state.capturing)
        busy.set()
        headset.start_capture(Recorder())
        assert eventually(lambda: "microphone" in headset.state.detail)
        assert headset.state.playing
        headset.stop_capture()
        assert eventually(lambda: headset.state.detail == "")


def test_a_stalled_card_accumulates_nothing(virtual_card: VirtualCard) -> None:
    source = ToneSource(440, -12)
    with running(source) as headset, virtual_card.tap_ear() as tap:
        assert eventually(lambda: headset.state.playing)
        tap.record(0.5)
        os.kill(virtual_card.daemon_pid, signal.SIGSTOP)
        try:
            time.sleep(0.2)
            before = source.pulled
            time.sleep(0.8)
            assert source.pulled - before <= 1920
            source.frequency = 1200
        finally:
            os.kill(virtual_card.daemon_pid, signal.SIGCONT)
        tap.record(0.5)
        heard = tap.record(0.5)
        assert tone_level(heard, 1200) == pytest.approx(-12, abs=1)
        assert tone_dbfs(heard, 440) < -60


def test_an_underrun_is_filled_up_again(virtual_card: VirtualCard) -> None:
    source = ToneSource(440, -12)
    stream = PlaybackStream(PCM, SETTINGS, Waker())
    with stream, virtual_card.tap_ear() as tap:
        for _ in range(20):
            stream.turn(source)
        time.sleep(0.3)
        stop = threading.Event()

        def turn() -> None:
            while not stop.is_set():
                stream.turn(source)

        player = threading.Thread(target=turn)
        player.start()
        try:
            tap.record(0.4)
            assert tone_level(tap.record(0.5), 440) == pytest.approx(-12, abs=1)
        finally:
            stop.set()
            player.join(5)


def test_sound_that_waited_too_long_is_thrown_away(virtual_card: VirtualCard) -> None:
    virtual_card.play(sine(1000))

    class HeldUp(Recorder):
        released_at = 0.0

        def push(self, block: NDArray[np.int16], at: float, /) -> None:
            super().push(block, at)
            if not self.released_at and self.samples > 9600:
                time.sleep(0.6)
                self.released_at = time.monotonic()

    recorder = HeldUp()
    with running(ToneSource(440)) as headset:
        headset.start_capture(recorder)
        assert eventually(lambda: recorder.samples > 48_000)
    later = [at for at in recorder.times if at > recorder.released_at - 0.5]
    assert later
    assert min(later) > recorder.released_at - 0.25


def test_a_thread_that_dies_is_reported(
    virtual_card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    del virtual_card
    monkeypatch.setattr(threading, "excepthook", lambda _arguments: None)
    deaths: list[str] = []

    class Broken:
        def pull(self, frames: int, channels: int, /) -> NDArray[np.int16]:
            raise ZeroDivisionError(frames, channels)

    headset = Headset(SETTINGS, Broken(), lambda _state: None, on_death=deaths.append)
    headset.start()
    assert eventually(lambda: deaths == ["headset playback"])
    beats = headset.beats()
    time.sleep(0.6)
    assert headset.beats() <= beats + 1
    headset.stop()
