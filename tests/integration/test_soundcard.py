"""The virtual sound card itself: private, and gone with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.capture import CaptureStream
from appliance.audio.pcm import Waker
from appliance.demo.soundcard import PCM, VirtualCard, VirtualCardError
from tests.support.soundcard import card_of_this_process, eventually, sine, tone_level

pytestmark = pytest.mark.alone

OWNER = """
import signal, sys, time
from pathlib import Path
import numpy as np
from appliance.demo.soundcard import VirtualCard

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
with VirtualCard(Path(sys.argv[1])) as card:
    card.play(np.zeros(48000, np.int16))
    tap = card.tap_ear()
    tap.record(0.1)
    print("ready", flush=True)
    time.sleep(60)
"""


def processes_of(directory: Path) -> list[str]:
    """Living processes that know of this directory by their environment or arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            known = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            if os.fsencode(directory) in known:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def capture(seconds: float) -> NDArray[np.int16]:
    with CaptureStream(PCM, Waker()) as stream:
        blocks: list[NDArray[np.int16]] = []
        while sum(map(len, blocks)) < seconds * 48_000:
            blocks += [block for block, _ in stream.take(1.0)]
    return np.concatenate(blocks)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_owner_is_killed(tmp_path: Path, how: signal.Signals) -> None:
    directory = tmp_path / "card"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        names = " ".join(processes_of(directory))
        assert all(program in names for program in ("pulseaudio", "pacat", "parec"))
        owner.send_signal(how)
        owner.wait(10)
    assert eventually(lambda: processes_of(directory) == [])


def test_a_card_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    card = VirtualCard(tmp_path / "card")
    starter = threading.Thread(target=card.start)
    starter.start()
    starter.join(10)
    try:
        assert "ear" in card.control("list", "short", "sinks")
    finally:
        card.stop()
    assert processes_of(tmp_path / "card") == []


def test_two_cards_do_not_hear_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        VirtualCard(tmp_path / "other") as other,
        card_of_this_process(tmp_path / "card", monkeypatch) as card,
    ):
        other.play(sine(440))
        card.play(sine(1000, -20))
        heard = capture(1.0)[-24_000:]
    assert tone_level(heard, 1000) == pytest.approx(-20, abs=1)
    assert tone_level(heard, 440) < -60


def test_a_wave_file_is_played_and_hushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(sine(1000, -20)[::3].tobytes())
    with card_of_this_process(tmp_path / "card", monkeypatch) as card:
        card.play(path)
        assert tone_level(capture(2.5)[-24_000:], 1000) == pytest.approx(-20, abs=1)
        card.hush()
        assert tone_level(capture(1.0)[-24_000:], 1000) < -80
        card.play(sine(1000, -20, 0.2), loop=False)
        assert tone_level(capture(1.5)[-24_000:], 1000) < -80


def test_started_again_in_the_same_place(tmp_path: Path) -> None:
    for _ in range(2):
        with VirtualCard(tmp_path / "card") as card:
            assert "mouth" in card.control("list", "short", "sinks")
            card.stop()


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VirtualCardError, match="too long"):
        VirtualCard(tmp_path / ("x" * 120)).start()
    with pytest.raises(VirtualCardError, match="not running"):
        _ = VirtualCard(tmp_path).daemon_pid
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VirtualCardError, match="pulseaudio is not installed"):
        VirtualCard(tmp_path / "card").start()


def test_a_daemon_that_does_not_start_shows_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("pulseaudio", "pactl", "pacat"):
        (programs / name).write_text("#!/bin/sh\necho no room on the shelf >&2\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    with pytest.raises(VirtualCardError, match="no room on the shelf"):
        VirtualCard(tmp_path / "card").start()
