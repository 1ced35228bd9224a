"""A sound card without hardware: a private PulseAudio behind ALSA, for the demo and the tests.

It has two ends. What a program plays into the ALSA device comes out at the *ear*; what is
played into the *mouth* is what the device's microphone hears. The device is reached through a
socket of its own, so unplugging it cuts off its users and leaves both ends running.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from appliance.demo.card_ends import EarTap, Player, stop_process
from appliance.service.errors import BargeboxError

PCM = "bargebox_headset"
HEADSET = f"pcm:{PCM}"
"""The value of the setting ``audio.headset`` that means this card."""

START_LIMIT_S = 10.0
COMMAND_LIMIT_S = 5.0
CARD_PRIORITY = 20
MAX_SOCKET_PATH = 107
"""Bytes in a Unix socket's address, unix(7)."""

_ALSA_CONFIG = """\
pcm.{pcm} {{
    type asym
    playback.pcm {{ type pulse server "unix:{socket}" device "ear" }}
    capture.pcm {{ type pulse server "unix:{socket}" device "mouth.monitor" }}
    hint {{ show on description "Bargebox virtual headset" }}
}}
"""


class VirtualCardError(BargeboxError):
    """The virtual sound card does not work; the words say what to install or look at."""

    code = "virtual_card"


class VirtualCard:
    """A context manager; *directory* is private to this card and made when missing.

    The daemon ends with this process however that ends: its standard input is a pipe from here,
    and it leaves when that closes. (A death signal would follow the starting thread instead.)
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._headset_socket = self._directory / "headset"
        self._bench_socket = self._directory / "bench"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._device_module: str | None = None
        self._player: Player | None = None
        self._taps: list[EarTap] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the daemon and plug the device in. Raises `VirtualCardError`."""
        for program in ("pulseaudio", "pactl", "pacat"):
            if shutil.which(program) is None:
                raise VirtualCardError(
                    f"{program} is not installed: the virtual sound card needs the packages "
                    "pulseaudio, pulseaudio-utils and libasound2-plugins"
                )
        if len(os.fsencode(self._headset_socket)) > MAX_SOCKET_PATH:
            raise VirtualCardError(f"the directory's path is too long: {self._directory}")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for socket in (self._headset_socket, self._bench_socket):
            socket.unlink(missing_ok=True)
        self._cookie.write_bytes(secrets.token_bytes(256))
        self._cookie.chmod(0o600)
        self._alsa_config.write_text(
            _ALSA_CONFIG.format(pcm=PCM, socket=self._headset_socket), encoding="utf-8"
        )
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._start_daemon()
            self.replug()
            undo.pop_all()

    def stop(self) -> None:
        """End everything this card started; does nothing when it has ended already."""
        self.hush()
        for tap in self._taps:
            tap.close()
        self._taps.clear()
        if self._daemon is not None:
            stop_process(self._daemon)
        self._daemon = None
        self._device_module = None

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to see this card and no other."""
        return {
            "ALSA_CONFIG_PATH": str(self._alsa_config),
            "PULSE_SERVER": f"unix:{self._bench_socket}",
            "PULSE_COOKIE": str(self._cookie),
            "PULSE_RUNTIME_PATH": str(self._directory / "runtime"),
            "PULSE_STATE_PATH": str(self._directory / "state"),
        }

    @property
    def daemon_pid(self) -> int:
        """The sound daemon's process, for tests that hold it up."""
        if self._daemon is None:
            raise VirtualCardError("the virtual sound card is not running")
        return self._daemon.pid

    def unplug(self) -> None:
        """Take the ALSA device away, as pulling out a USB plug does: its users get errors."""
        if self._device_module is not None:
            self.control("unload-module", self._device_module)
            self._device_module = None

    def replug(self) -> None:
        """Bring the device back under its old name."""
        if self._device_module is None:
            self._device_module = self.control(
                *("load-module", "module-native-protocol-unix"),
                *(f"socket={self._headset_socket}", f"auth-cookie={self._cookie}"),
            ).strip()

    def play(self, sound: Path | NDArray[np.int16], *, loop: bool = True) -> None:
        """Let the microphone hear a WAV file or samples (mono, 48 kHz), in place of the last."""
        self.hush()
        self._player = Player(sound, self._child_environment(), loop=loop)

    def hush(self) -> None:
        """Let the microphone hear nothing."""
        if self._player is not None:
            self._player.close()
            self._player = None

    def tap_ear(self) -> EarTap:
        """Listen to what the supervisor hears, from outside; goes on through unplugging."""
        tap = EarTap(self.tap_command(), self._child_environment())
        self._taps.append(tap)
        return tap

    def tap_command(self) -> list[str]:
        """A command that writes the ear to its output: mono, 48 kHz, signed 16 bit, raw.

        It needs `environment`.
        """
        return [
            *("parec", "--device=ear.monitor", "--raw", "--format=s16le", "--rate=48000"),
            *("--channels=1", "--latency-msec=5", "--client-name=ear tap"),
        ]

    def control(self, *command: str) -> str:
        """Run ``pactl`` on this card's daemon and return its output."""
        try:
            done = subprocess.run(
                ["pactl", *command],
                env=self._child_environment(),
                capture_output=True,
                text=True,
                timeout=COMMAND_LIMIT_S,
                check=False,
                process_group=0,
            )
        except subprocess.TimeoutExpired as error:
            raise VirtualCardError("the sound daemon does not answer") from error
        if done.returncode != 0:
            raise VirtualCardError(f"pactl {' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    @property
    def _cookie(self) -> Path:
        return self._directory / "cookie"

    @property
    def _alsa_config(self) -> Path:
        return self._directory / "asound.conf"

    @property
    def _log(self) -> Path:
        return self._directory / "pulseaudio.log"

    def _child_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "HOME": str(self._directory),
            "XDG_RUNTIME_DIR": str(self._directory),
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
            **self.environment(),
        }

    def _start_daemon(self) -> None:
        # norewinds: a null sink that nobody uses otherwise works two seconds ahead, and the
        # first one who records from it waits for so long.
        modules = (
            "module-null-sink sink_name=ear rate=48000 channels=2 norewinds=1",
            "module-null-sink sink_name=mouth rate=48000 channels=1 norewinds=1",
            f"module-native-protocol-unix socket={self._bench_socket} auth-cookie={self._cookie}",
            "module-cli exit_on_eof=1",
        )
        with self._log.open("wb") as log:
            self._daemon = subprocess.Popen(
                [
                    *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no"),
                    *("--exit-idle-time=-1", "--disable-shm=yes", "--realtime=no"),
                    *(f"--load={module}" for module in modules),
                ],
                env=self._child_environment() | {"PULSE_SERVER": ""},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                # Ctrl-C is for the parent, which stops what it started in order.
                process_group=0,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._bench_socket.exists():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise VirtualCardError(f"the sound daemon does not start:\n{self._log_tail()}")
            time.sleep(0.01)
        _like_hardware(self._daemon.pid)

    def _log_tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()


def _like_hardware(daemon: int) -> None:
    """A real sound card does not wait for the scheduler either, where that is allowed.

    From outside and thread by thread: the daemon gives up at its start what it inherited.
    """
    for thread in Path(f"/proc/{daemon}/task").iterdir():
        with suppress(PermissionError, ProcessLookupError):
            os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(CARD_PRIORITY))
