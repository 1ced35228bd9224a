"""The downlink: the call from the jitter buffers, volume, earcons over it, the limiter last."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.audio.levels import SILENCE_DBFS, power_dbfs
from appliance.control_link.words import Party
from appliance.leg.codecs.opus import Samples
from appliance.leg.ear.levelling import Levelling
from appliance.leg.ear.limiter import Limiter, Sound, peak_of
from appliance.leg.ear.placement import Gains, seats
from appliance.leg.ear.ramp import Ramp
from appliance.leg.ear.startle import Startle
from appliance.leg.ear.voice import Voice
from appliance.leg.receive.jitter import JitterBuffer
from appliance.leg.settings import LegSettings

MAX_CUES = 4
"""Earcons that may be queued, the one that is heard included."""
MAX_LEAVING = 16
"""Streams that are still fading out."""


class Downlink:
    """The headset's playback source. `pull` is called in the playback thread and waits for nobody;
    everything else may be called from any thread, and never waits for a packet to be decoded.
    """

    def __init__(self, settings: LegSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._voices: tuple[Voice, ...] = ()
        self._live = False
        self._cues: deque[Samples] = deque()
        self._startle = Startle(settings.headset_limit_db_spl)
        self._limiter = Limiter(settings.ceiling_dbfs, 2)
        self._channels = 2
        self.volume = settings.volume
        self._gain = Ramp(self._gain_of(settings.volume))

    def _gain_of(self, percent: int) -> float:
        boost: float = 10 ** (self._settings.gain_db / 20)
        return (percent / 100) ** 2 * boost

    def set_volume(self, percent: int) -> None:
        """Square law: 50 % is −12 dB, 0 is silence."""
        self.volume = percent
        self._gain.target = self._gain_of(percent)

    def connect(self, *streams: JitterBuffer, parties: Sequence[Party | None] = ()) -> None:
        """Play these streams from now on, mixed: most platforms send one, some one a party, and
        *parties* says whose each is. One that is played already goes on as it is, others fade out.
        """
        known = [*parties, *[None] * len(streams)][: len(streams)]
        places = seats(known, self._settings.placement)
        with self._lock:
            leaving = [voice for voice in self._voices if voice.stream not in streams]
            staying = {voice.stream: voice for voice in self._voices if voice not in leaving}
            wanted = []
            for stream, place in zip(streams, places, strict=True):
                voice = staying.get(stream) or self._voice(stream, place)
                voice.stay()
                voice.sit(place)
                wanted.append(voice)
            for voice in leaving:
                voice.leave()
            self._voices = (*wanted, *leaving[-MAX_LEAVING:])
        self.set_live(self._live)

    def _voice(self, stream: JitterBuffer, place: Gains) -> Voice:
        return Voice(stream, Levelling() if self._settings.levelling else None, place)

    def set_live(self, live: bool) -> None:
        """Whether the supervisor talks as well, so that delay counts for more than gaps. Waits
        for nothing.
        """
        self._live = live
        for voice in self._voices:
            voice.stream.live = live

    def disconnect(self) -> None:
        """Nothing but earcons from now on."""
        self.connect()

    def play(self, samples: Samples) -> None:
        """Queue an earcon. When full the oldest that waits gives way: what the ear hears last
        must be what happened last.
        """
        with self._lock:
            if len(self._cues) >= MAX_CUES:
                del self._cues[1]
            self._cues.append(samples)

    @property
    def level(self) -> float:
        """dBFS of the call itself, before levelling, volume and earcons."""
        powers = [voice.power for voice in self._voices if not voice.leaving]
        return power_dbfs(sum(powers)) if powers else SILENCE_DBFS

    def pull(self, frames: int, channels: int) -> NDArray[np.int16]:
        """The next *frames* samples for the headset, shape ``(frames, channels)``."""
        if channels != self._channels:
            # Another headset: what is in the limiter was meant for the one before.
            self._limiter = Limiter(self._settings.ceiling_dbfs, channels)
            self._channels = channels
        mixed: Sound = np.zeros((frames, channels), np.float32)
        self._mix_call(mixed)
        self._mix_cues(mixed)
        ceiling, peak = self._limiter.ceiling, peak_of(mixed)
        allowed = ceiling * self._startle.factor(mixed, ceiling, peak)
        return self._limiter.process(mixed, allowed, peak)

    def _mix_call(self, mixed: Sound) -> None:
        gain = self._gain.take(len(mixed))
        voices = self._voices
        for voice in voices:
            voice.mix_into(mixed, gain)
        if any(voice.gone for voice in voices):
            with self._lock:
                self._voices = tuple(voice for voice in self._voices if not voice.gone)

    def _mix_cues(self, mixed: Sound) -> None:
        start = 0
        with self._lock:
            while self._cues and start < len(mixed):
                head = self._cues.popleft()
                count = min(len(head), len(mixed) - start)
                mixed[start : start + count] += head[:count, np.newaxis]
                start += count
                if count < len(head):
                    self._cues.appendleft(head[count:])
