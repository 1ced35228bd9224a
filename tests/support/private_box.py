"""A box's system services, real ones, apart from the machine's: network, names and clock."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[1] / "integration/network/private-box"
STAND_INS = SCRIPT.with_name("stand_ins.py")
BUS = "org.freedesktop.DBus"
LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1")
SYSTEMD = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
"""What `PrivateBox.asked` is asked about."""
PEER = "10.99.0.1"
"""The far end of the cable, with DHCP for 10.99.0.50 to 10.99.0.99."""


class PrivateBox:
    """Those services, and a shell where they run. Needs root, or user namespaces."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:path={folder}/bus"
        """Of the bus."""
        self._shell = subprocess.Popen(
            [SCRIPT, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1,
        )  # fmt: skip
        self._folder = folder
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Until the bus is there and DHCP gave an address."""
        self.run(
            f"until [ -S {self._folder}/bus ]; do sleep 0.05; done; nm-online --quiet --timeout=30"
        )

    def run(self, command: str, *, fails: bool = False) -> str:
        """What a command inside says; it must do well, unless it *fails*."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with self._lock:
            self._shell.stdin.write(command + "\n")
            said: list[str] = []
            for line in self._shell.stdout:
                if line.startswith("=== "):
                    assert (line.strip() == "=== 0") is not fails, f"{command}: {''.join(said)}"
                    return "".join(said)
                said.append(line)
        raise AssertionError(f"the services are gone: {''.join(said)}")

    def stand_in(self, *names: str) -> None:
        """Start stand-ins for services that need more than there is, and wait for them."""
        for name in names:
            self.run(f"/usr/bin/python3 {STAND_INS} {name} &>/run/{name}.log &")
        services = {
            "systemd": "systemd1",
            "timesyncd": "timesync1",
            "avahi": "Avahi",
            "logind": "login1",
        }
        for name in names:
            self.owned(f"org.freedesktop.{services[name]}")

    def owned(self, service: str) -> None:
        """Wait until somebody has that name on the bus."""
        ask = f"busctl call {BUS} / {BUS} NameHasOwner s {service}"
        self.run(f"until {ask} | grep -q true; do sleep 0.1; done")

    def asked(self, service: str, path: str, method: str) -> int:
        """How often a stand-in was asked for *method*."""
        ask = f"busctl call {service} {path} org.freedesktop.DBus.Mock GetMethodCalls s {method}"
        return int(self.run(ask).split()[1])

    def addresses(self, device: str = "eth0") -> list[str]:
        """The device's IPv4 addresses as the kernel has them."""
        found = json.loads(self.run(f"ip -json -4 address show dev {device}") or "[]")
        rows = [row for one in found for row in one.get("addr_info", [])]
        return [f"{row['local']}/{row['prefixlen']}" for row in rows]

    def routes(self) -> list[dict[str, Any]]:
        """The default routes as the kernel has them."""
        found: list[dict[str, Any]] = json.loads(self.run("ip -json route show default"))
        return found

    def reached_by_the_peer(self, host: str) -> bool:
        """Whether the far end gets an answer from *host*; a refusal is one."""
        command = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{host}/9'"
        return "refused" in self.run(f"ip netns exec peer {command} || true")

    def restart_network_manager(self, *, after_power_cut: bool = False) -> None:
        """As after an update of it, or of a box that lost its power: what was in memory is gone."""
        signal = "KILL" if after_power_cut else "TERM"
        self.run(f"kill -{signal} $network_manager; wait $network_manager || true")
        if after_power_cut:
            self.run("rm -rf /run/NetworkManager; ip address flush dev eth0; ip link set eth0 down")
        self.run("network_manager")
        self.run("nm-online --quiet --timeout=30")

    def close(self) -> None:
        """End them all."""
        self._shell.terminate()
        self._shell.communicate(timeout=20)


@contextmanager
def private_box(*stand_ins: str) -> Iterator[PrivateBox]:
    """Up until left, with those stand-ins. The folder's path is short, for it holds a socket."""
    folder = Path(tempfile.mkdtemp(prefix="bargebox-"))
    box = PrivateBox(folder)
    try:
        box.wait()
        box.stand_in(*stand_ins)
        yield box
    finally:
        box.close()
        shutil.rmtree(folder)
