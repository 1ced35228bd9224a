"""The headset when things go wrong: unplugged, busy, stalled, held up. On real ALSA."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from typing import Any

import alsaaudio
import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.headset import Headset
from appliance.audio.levels import tone_dbfs
from appliance.audio.pcm import Waker
from appliance.audio.playback import PlaybackStream
from appliance.audio.settings import AudioSettings
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


def test_unplugged_and_back_in_the_middle_of_both_streams(virtual_card: VirtualCard) -> None:
    states: list[HeadsetState] = []
    recorder = Recorder()
    virtual_card.play(sine(1000, -20))
    with (
        running_headset(ToneSource(440, -12), on_change=states.append) as headset,
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
    with running_headset(ToneSource(440)) as headset:
        headset.start_capture(recorder)
        assert eventually(lambda: "is not there" in headset.state.detail)
        beats = headset.beats()
        assert eventually(lambda: headset.beats() > beats)
        virtual_card.replug()
        assert eventually(lambda: recorder.samples > 4800)
        assert headset.state.playing


def test_an_unknown_device_is_named(virtual_card: VirtualCard) -> None:
    del virtual_card
    with running_headset(ToneSource(440), AudioSettings(headset="pcm:no_such_headset")) as headset:
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
    with running_headset(ToneSource(440)) as headset:
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
    with running_headset(source) as headset, virtual_card.tap_ear() as tap:
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
        assert tone_level(heard, 440) < -60


def test_an_underrun_is_filled_up_again(virtual_card: VirtualCard) -> None:
    source = ToneSource(440, -12)
    stream = PlaybackStream(PCM, VIRTUAL, Waker())
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


def test_underruns_are_counted_in_the_state(virtual_card: VirtualCard) -> None:
    del virtual_card

    class HeldUp(ToneSource):
        """Is late when it is told, by more than ALSA's buffer."""

        late = False

        def pull(self, frames: int, channels: int, /) -> NDArray[np.int16]:
            if self.late:
                self.late = False
                time.sleep(0.3)
            return super().pull(frames, channels)

    source = HeldUp(440, -12)
    told: list[HeadsetState] = []
    counted: set[int] = set()
    with running_headset(source, on_change=told.append) as headset:
        assert eventually(lambda: source.pulled > 24_000)
        for _ in range(2):
            source.late = True
            assert eventually(lambda: headset.state.underruns > max(counted, default=0))
            counted.add(headset.state.underruns)
    assert counted <= {state.underruns for state in told}  # the headset has stopped


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
    with running_headset(ToneSource(440)) as headset:
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

    headset = Headset(VIRTUAL, Broken(), lambda _state: None, on_death=deaths.append)
    headset.start()
    assert eventually(lambda: deaths == ["headset playback"])
    beats = headset.beats()
    time.sleep(0.6)
    assert headset.beats() <= beats + 1
    headset.stop()
