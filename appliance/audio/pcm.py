"""One ALSA stream at 48 kHz, 16 bit: opened without blocking, waited for in poll().

pyalsaaudio lets other threads run in read and write only, so nothing else may ever wait there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import time
import weakref
from contextlib import suppress
from typing import Literal, Self

import alsaaudio

from appliance.audio.errors import HeadsetError, explain
from appliance.audio.settings import SAMPLE_RATE

BYTES_PER_SAMPLE = 2
EMPTY_TURN_PAUSE_S = 0.002
"""A descriptor that says "ready" with nothing behind it (unplugged) must not make a thread spin."""

Direction = Literal["playback", "capture"]
_PARTS = {"playback": "earpiece", "capture": "microphone"}


class Waker:
    """Ends another thread's wait at once; waking twice before it looks counts as once."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poller = select.poll()
        self._poller.register(self.fd, select.POLLIN)
        weakref.finalize(self, os.close, self.fd)

    def wake(self) -> None:
        """From any thread."""
        os.eventfd_write(self.fd, 1)

    def clear(self) -> None:
        """Take the wake-up back."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)

    def wait(self, seconds: float) -> None:
        """Until woken, at most so long."""
        if self._poller.poll(seconds * 1000):
            self.clear()


class Pcm:
    """An open stream; belongs to the thread that opened it."""

    def __init__(
        self,
        name: str,
        direction: Direction,
        channels: int,
        period_frames: int,
        periods: int,
        waker: Waker,
    ) -> None:
        """Raises `HeadsetError` when it cannot be opened or does not offer 48 kHz, 16 bit."""
        self.name = name
        self._part = _PARTS[direction]
        self._waker = waker
        kind = alsaaudio.PCM_PLAYBACK if direction == "playback" else alsaaudio.PCM_CAPTURE
        try:
            self._pcm = alsaaudio.PCM(
                kind,
                alsaaudio.PCM_NONBLOCK,
                device=name,
                rate=SAMPLE_RATE,
                channels=channels,
                format=alsaaudio.PCM_FORMAT_S16_LE,
                periodsize=period_frames,
                periods=periods,
            )
        except alsaaudio.ALSAAudioError as error:
            raise explain(error, self._part, name) from error
        try:
            self._accept(self._pcm.info())
            self._poller = select.poll()
            for descriptor, events in self._pcm.polldescriptors():
                self._poller.register(descriptor, events)
        except alsaaudio.ALSAAudioError as error:
            self.close()
            raise explain(error, self._part, name) from error
        except HeadsetError:
            self.close()
            raise
        self._poller.register(waker.fd, select.POLLIN)

    def _accept(self, got: dict[str, int | str]) -> None:
        # ALSA gives the nearest that the device can do, which need not be what was asked for.
        if got["rate"] != SAMPLE_RATE or got["format_name"] != "S16_LE":
            raise explain(errno.EINVAL, self._part, self.name)
        self.channels = int(got["channels"])
        self.period_frames = int(got["period_size"])
        self.buffer_frames = int(got["buffer_size"])

    def wait(self, seconds: float) -> bool:
        """Until the stream has something to do (true), it is woken, or the time is over."""
        ready = {descriptor for descriptor, _ in self._poller.poll(seconds * 1000)}
        if self._waker.fd in ready:
            self._waker.clear()
        return bool(ready - {self._waker.fd})

    def pause_after_empty_turn(self, missing_frames: int = 0) -> None:
        """Call when `wait` promised something and nothing was there, or so much less than that."""
        time.sleep(max(EMPTY_TURN_PAUSE_S, missing_frames / SAMPLE_RATE))

    def available(self) -> int:
        """Frames that can be written or read now; ``-EPIPE`` after an under- or overrun."""
        frames = int(self._pcm.avail())
        if frames < 0 and frames != -errno.EPIPE:
            raise explain(-frames, self._part, self.name)
        return frames

    def write(self, frames: bytes) -> int:
        """Frames written. ``-EPIPE`` after an underrun: nothing was written, all is prepared."""
        try:
            return int(self._pcm.write(frames))
        except alsaaudio.ALSAAudioError as error:
            raise explain(error, self._part, self.name) from error

    def read(self) -> tuple[int, bytes]:
        """Frames read, at most a period, 0 when there are none; ``-EPIPE`` after an overrun."""
        try:
            count, data = self._pcm.read()
        except alsaaudio.ALSAAudioError as error:
            raise explain(error, self._part, self.name) from error
        return int(count), bytes(data)

    def discard(self) -> None:
        """Stop and forget what is buffered; the next read or write starts anew."""
        try:
            self._pcm.drop()
        except alsaaudio.ALSAAudioError as error:
            raise explain(error, self._part, self.name) from error

    def close(self) -> None:
        """Stop at once, also when the device is gone."""
        # Without drop, closing plays the rest of the buffer first.
        with suppress(alsaaudio.ALSAAudioError):
            self._pcm.drop()
        with suppress(alsaaudio.ALSAAudioError):
            self._pcm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def quiet_alsa() -> None:
    """Keep libasound from writing to the terminal at each attempt on a device that is away.

    Its handler is set to a C function that does nothing with its arguments. A Python function
    would not do: pyalsaaudio holds the interpreter lock while it opens, and a plugin may report
    from a thread of its own, which would then wait for that lock for ever.
    """
    libasound = ctypes.CDLL("libasound.so.2")
    does_nothing = ctypes.cast(ctypes.CDLL(None).getppid, ctypes.c_void_p)
    libasound.snd_lib_error_set_handler(does_nothing)
