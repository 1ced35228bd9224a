"""The headset: two threads that play, capture, and bring it back after it was unplugged.

The playback thread also looks for the device; the capture thread opens the microphone only
while it is wanted and the device is there. Both wait in poll() and never spin.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.audio.capture import CaptureSink, CaptureStream
from appliance.audio.discovery import HeadsetDevice, find_headset
from appliance.audio.errors import HeadsetError
from appliance.audio.pcm import Waker, quiet_alsa
from appliance.audio.playback import PlaybackSource, PlaybackStream
from appliance.audio.settings import SAMPLE_RATE, AudioSettings
from appliance.control_link.states import HeadsetState
from appliance.service.tasks import die

__all__ = ["CaptureSink", "Headset", "PlaybackSource"]

log = logging.getLogger(__name__)

RETRY_S = 0.25
TURN_S = 0.2
STOP_LIMIT_S = 3.0
TOLD_AGAIN_S = 1.0
"""Between two changes of the state by underruns alone, which may come a hundred times a second."""
BEGINS_S = 0.02
"""The first of a microphone's stream is silence: when a sample was recorded is known from when it
was read, which a busy machine does some ms later. Nobody speaks while they press."""


class _Wish:
    """One `start_capture`; a later one is another object, so nothing is mistaken for it."""

    def __init__(self, sink: CaptureSink) -> None:
        self.sink = sink
        self.since = time.monotonic()


class Headset:
    """Plays from *source* whenever a headset is there, and captures while asked to.

    *on_change(state)* is called in one of the headset's threads (never two at once, in order of
    the changes, with a lock held): it must only hand the state on, such as by
    ``loop.call_soon_threadsafe``. *on_death(name)* is called when a thread ends unexpectedly.
    """

    def __init__(
        self,
        settings: AudioSettings,
        source: PlaybackSource,
        on_change: Callable[[HeadsetState], None],
        *,
        find: Callable[[str], HeadsetDevice] = find_headset,
        on_death: Callable[[str], None] = die,
    ) -> None:
        self._settings = settings
        self._source = source
        self._on_change = on_change
        self._find = find
        self._on_death = on_death
        self._state = HeadsetState()
        self._state_lock = threading.RLock()
        self._playback_fault = ""
        self._capture_fault = ""
        self._underruns = 0
        self._underruns_told_at = 0.0
        self._device: HeadsetDevice | None = None
        self._wish: _Wish | None = None
        self._push_lock = threading.RLock()
        self._stopping = threading.Event()
        self._playback_waker = Waker()
        self._capture_waker = Waker()
        self._turns = {"playback": 0, "capture": 0}
        self._turns_seen = dict(self._turns)
        self._beats = 0
        self._threads = [
            threading.Thread(target=self._run, args=(name, work), name=name, daemon=True)
            for name, work in (
                ("headset playback", self._supervise_playback),
                ("headset capture", self._supervise_capture),
            )
        ]

    # -- for everybody, any thread

    @property
    def state(self) -> HeadsetState:
        """The state now."""
        return self._state

    def start(self) -> None:
        """Begin to look for the headset; returns at once. Once only."""
        quiet_alsa()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop both streams for good; waits for the threads, at most 3 s each."""
        self.stop_capture()
        self._stopping.set()
        self._playback_waker.wake()
        self._capture_waker.wake()
        for thread in self._threads:
            if thread.ident is None:
                continue
            thread.join(STOP_LIMIT_S)
            if thread.is_alive():
                log.error("the thread %r does not stop: ALSA does not return", thread.name)

    def start_capture(self, sink: CaptureSink) -> None:
        """Bring the microphone's sound to *sink* from soon on; returns at once. What the stream
        begins with and is from before this call is silence.

        While the headset is away the wish stands, and is met when it is back.
        """
        with self._push_lock:
            self._wish = _Wish(sink)
        self._capture_waker.wake()

    def stop_capture(self) -> None:
        """Once this has returned, `CaptureSink.push` is not called any more; returns at once.

        It waits for a push that is under way, so the caller must hold no lock that the sink's
        push takes. The stream itself is closed a moment later (``state.capturing``).
        """
        with self._push_lock:
            self._wish = None
            self._capture_fault = ""
        self._capture_waker.wake()

    def beats(self) -> int:
        """Rises from call to call (0.5 s apart or more) while both threads really turn."""
        with self._state_lock:
            turns = dict(self._turns)
            if all(turns[name] != self._turns_seen[name] for name in turns):
                self._turns_seen = turns
                self._beats += 1
            return self._beats

    # -- the threads

    def _run(self, name: str, supervise: Callable[[], None]) -> None:
        try:
            supervise()
        finally:
            if not self._stopping.is_set():
                self._on_death(name)

    def _supervise_playback(self) -> None:
        while not self._stopping.is_set():
            self._turns["playback"] += 1
            device: HeadsetDevice | None = None
            try:
                device = self._find(self._settings.headset)
                self._play(device)
            except HeadsetError as fault:
                present = fault.code == "headset_busy"
                self._note_playback(fault.detail, device, present=present)
                self._playback_waker.wait(RETRY_S)

    def _play(self, device: HeadsetDevice) -> None:
        with PlaybackStream(device.playback_pcm, self._settings, self._playback_waker) as stream:
            self._device = device
            log.info("headset %s (%s) is there", device.name, device.identity)
            self._note_playback(device.note, device, present=True, playing=True)
            self._capture_waker.wake()
            try:
                while not self._stopping.is_set():
                    self._turns["playback"] += 1
                    self._underruns += stream.turn(self._source)
                    self._tell_underruns()
            finally:
                self._device = None
                log.info("headset %s is closed", device.name)
        self._note_playback("", device, present=True)

    def _supervise_capture(self) -> None:
        while not self._stopping.is_set():
            self._turns["capture"] += 1
            wish, device = self._wish, self._device
            if wish is None or device is None:
                self._note_capture(self._capture_fault)
                self._capture_waker.wait(TURN_S)
                continue
            try:
                self._capture(wish, device)
            except HeadsetError as fault:
                self._note_capture(fault.detail)
                self._capture_waker.wait(RETRY_S)

    def _capture(self, wish: _Wish, device: HeadsetDevice) -> None:
        with CaptureStream(device.capture_pcm, self._capture_waker) as stream:
            self._note_capture("", capturing=True)
            while self._wish is wish and self._device is device:
                self._turns["capture"] += 1
                for block, at in stream.take(TURN_S):
                    self._deliver(wish, block, at)
        self._note_capture("")

    def _deliver(self, wish: _Wish, block: NDArray[np.int16], at: float) -> None:
        early = math.ceil((wish.since + BEGINS_S - at) * SAMPLE_RATE)
        if early > 0:
            # A stream of a sound server begins with what it has just recorded for others.
            block = block.copy()
            block[:early] = 0
        with self._push_lock:
            if self._wish is wish:
                wish.sink.push(block, at)

    # -- the state

    def _note_playback(
        self, detail: str, device: HeadsetDevice | None, *, present: bool, playing: bool = False
    ) -> None:
        with self._state_lock:
            self._playback_fault = detail
            if playing:
                # What the microphone said while the device was away is over with that.
                self._capture_fault = ""
            name = device.name if device is not None else self._state.name
            self._change(present=present, name=name, playing=playing)

    def _tell_underruns(self) -> None:
        if self._underruns == self._state.underruns:
            return
        now = time.monotonic()
        if now - self._underruns_told_at > TOLD_AGAIN_S:
            self._underruns_told_at = now
            with self._state_lock:
                self._change(underruns=self._underruns)

    def _note_capture(self, detail: str, *, capturing: bool = False) -> None:
        with self._state_lock:
            self._capture_fault = detail if self._wish is not None else ""
            self._change(capturing=capturing)

    def _change(self, **changes: Any) -> None:
        detail = self._playback_fault or self._capture_fault
        state = self._state.model_copy(update={**changes, "detail": detail})
        if state == self._state:
            return
        self._state = state
        if detail:
            log.warning("headset: %s", detail)
        self._on_change(state)
