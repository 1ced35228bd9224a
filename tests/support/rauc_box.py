"""A box with two slots and the real RAUC, on a bus of its own; and bundles for it.

Slots are files, the boot loader is a script that keeps its state in a folder. Needs root, for RAUC
mounts what is in a bundle. Bundles are of the plain format: the kernel of a machine need not have
dm-verity.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificate_site import openssl
from tests.support.private_box import STAND_INS

COMPATIBLE = "bargebox-test"
SLOT_SIZE = 4 << 20
BACKEND = """#!/bin/sh
# RAUC's "custom boot loader backend": three answers, two orders.
cd {folder}/boot || exit 1
case $1 in
get-primary) cat primary ;;
set-primary) echo "$2" >primary; echo good >"state.$2" ;;
get-state) cat "state.$2" ;;
set-state) echo "$3" >"state.$2" ;;
*) exit 1 ;;
esac
"""
HOLD = """#!/bin/sh
# Before anything is written: as long as a test wants it to take.
while [ -e {folder}/hold ]; do sleep 0.02; done
[ ! -e {folder}/fail ]
"""
CONFIG = """
[system]
compatible={compatible}
bootloader=custom
statusfile={folder}/status
mountprefix={folder}/mnt

[keyring]
path={folder}/authority.crt

[handlers]
bootloader-custom-backend={folder}/backend
pre-install={folder}/before

[slot.rootfs.0]
device={folder}/slot0
type=raw
bootname=A

[slot.rootfs.1]
device={folder}/slot1
type=raw
bootname=B
"""


class RaucBox:
    """RAUC and its bus in *folder*, whose path is short for it holds a socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:path={folder}/bus"
        self._rauc: subprocess.Popen[bytes] | None = None
        self._logind: subprocess.Popen[bytes] | None = None
        _signer(folder, "authority")
        _signer(folder, "stranger")
        (folder / "boot").mkdir()
        (folder / "mnt").mkdir()
        for name, text in (("backend", BACKEND), ("before", HOLD), ("system.conf", CONFIG)):
            (folder / name).write_text(text.format(folder=folder, compatible=COMPATIBLE))
            (folder / name).chmod(0o755)
        for name, value in (("primary", "A"), ("state.A", "good"), ("state.B", "bad")):
            (folder / "boot" / name).write_text(f"{value}\n")
        for slot in ("slot0", "slot1"):
            with (folder / slot).open("wb") as file:
                file.truncate(SLOT_SIZE)
        self._bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", f"--address={self.address}"],
            stdout=subprocess.DEVNULL,
        )
        self.start_rauc()

    # -- RAUC itself

    def start_rauc(self, boot_slot: str = "A") -> None:
        """As the bus or systemd would; it runs once its name is on the bus."""
        environment = dict(
            os.environ,
            DBUS_STARTER_ADDRESS=self.address,
            DBUS_STARTER_BUS_TYPE="system",
            DBUS_SYSTEM_BUS_ADDRESS=self.address,
        )
        until(lambda: (self.folder / "bus").exists())
        with (self.folder / "rauc.log").open("ab") as log:
            self._rauc = subprocess.Popen(
                ["rauc", "service", f"--conf={self.folder}/system.conf",
                 f"--override-boot-slot={boot_slot}"],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        until(self._is_there)

    def _is_there(self) -> bool:
        assert self._rauc is not None
        assert self._rauc.poll() is None, (self.folder / "rauc.log").read_text()
        return "true" in asked_of(self.address, "NameHasOwner", "de.pengutronix.rauc")

    def kill_rauc(self) -> None:
        """It dies where it is, and its mount with it, as at a power cut."""
        assert self._rauc is not None
        self._rauc.kill()
        self._rauc.wait(10)
        self.let_go()
        mounted = self.folder / "mnt/bundle"
        subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False)

    def reboot(self) -> None:
        """RAUC starts anew in the slot that the boot loader would choose."""
        self.kill_rauc()
        self.start_rauc(self.boot("primary"))

    def stand_in_logind(self) -> None:
        """Somebody who takes the order to restart, and does not."""
        with (self.folder / "logind.log").open("wb") as log:
            self._logind = subprocess.Popen(
                ["/usr/bin/python3", "-u", STAND_INS, "logind"],
                env={"DBUS_SYSTEM_BUS_ADDRESS": self.address, "PATH": "/usr/bin"},
                stdout=log,
            )
        until(lambda: "true" in asked_of(self.address, "NameHasOwner", "org.freedesktop.login1"))

    def restarts(self) -> list[str]:
        """The orders to restart that it got."""
        said = (self.folder / "logind.log").read_text().splitlines()
        return [line.split(" ", 1)[1] for line in said if " Reboot " in line]

    # -- what a test turns

    def hold(self) -> None:
        """An installation waits before it writes, until `let_go`."""
        (self.folder / "hold").touch()

    def let_go(self) -> None:
        (self.folder / "hold").unlink(missing_ok=True)

    def fail(self) -> None:
        """Installations fail before they write."""
        (self.folder / "fail").touch()

    def boot(self, name: str) -> str:
        """What the boot loader has under that name."""
        return (self.folder / "boot" / name).read_text().strip()

    def slot(self, number: int) -> bytes:
        """What is in a slot."""
        return (self.folder / f"slot{number}").read_bytes()

    # -- bundles

    def bundle(
        self,
        version: str = "2.0.0",
        *,
        compatible: str = COMPATIBLE,
        signer: str = "authority",
        size: int = 1 << 20,
        name: str = "",
    ) -> Path:
        """One that *signer* signed; what is in it cannot be made smaller."""
        path = self.folder / (name or f"bargebox-{version}-{compatible}-{signer}.raucb")
        path.unlink(missing_ok=True)
        content = Path(tempfile.mkdtemp(dir=self.folder))
        (content / "rootfs.img").write_bytes(f"{version}\n".encode() + os.urandom(size))
        (content / "manifest.raucm").write_text(
            f"[update]\ncompatible={compatible}\nversion={version}\ndescription=A test\n"
            "[bundle]\nformat=plain\n[image.rootfs]\nfilename=rootfs.img\n"
        )
        signed_by = f"--cert={self.folder}/{signer}.crt", f"--key={self.folder}/{signer}.key"
        subprocess.run(["rauc", "bundle", *signed_by, content, path], check=True, timeout=60,
                       capture_output=True)  # fmt: skip
        shutil.rmtree(content)
        return path

    def close(self) -> None:
        """End both."""
        self.kill_rauc()
        for process in (self._logind, self._bus):
            if process is not None:
                process.terminate()
                process.wait(10)


def asked_of(address: str, member: str, *words: str) -> str:
    """What the bus at *address* answers."""
    bus = "org.freedesktop.DBus"
    command = ["busctl", f"--address={address}", "call", bus, "/", bus, member, "s", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def until(true: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def _signer(folder: Path, name: str) -> None:
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt",
        "-days", "3650", "-subj", f"/CN={name}",
    )  # fmt: skip


@contextmanager
def rauc_box() -> Iterator[RaucBox]:
    """Up until left."""
    folder = Path(tempfile.mkdtemp(prefix="rauc-"))
    box = RaucBox(folder)
    try:
        yield box
    finally:
        box.close()
        shutil.rmtree(folder)
