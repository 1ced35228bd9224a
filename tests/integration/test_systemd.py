"""The units, judged by systemd's own tools: they load, and the sandbox is as tight as promised."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from appliance.commands.leg import LINK_SOCKET, PANEL_SOCKET
from appliance.control_link.words import LampPattern
from appliance.demo.box import to_toml
from appliance.panel.errors import PanelError
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from appliance.settings import BoxSettings

UNITS = Path(__file__).parents[2] / "systemd"
NAMES = sorted(path.name for path in (UNITS / "system").iterdir())
SERVICES = ["bargebox-leg.service", "bargebox-control.service"]
SYSTEM = Path("usr/lib/systemd/system")

EXPOSURE = {"bargebox-leg.service": 16, "bargebox-control.service": 15}
"""Tenths, as systemd-analyze reckons them: 0 is locked in, 100 is wide open."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def directives(unit: str) -> dict[str, list[str]]:
    """What the unit file sets, each with all its values in order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in (UNITS / "system" / unit).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[key].append(value)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system with systemd's units, ours, and something to start."""
    root = tmp_path_factory.mktemp("root")
    source = next(d for d in (Path("/") / SYSTEM, Path("/lib/systemd/system")) if d.is_dir())
    shutil.copytree(source, root / SYSTEM, symlinks=True)
    for name in NAMES:
        shutil.copy(UNITS / "system" / name, root / SYSTEM)
    command = root / "usr/bin/bargebox"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    (root / "etc").mkdir()
    (root / "etc/group").write_text("root:x:0:\nbargebox:x:900:\n")
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    return root


def verify(root: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return run(
        "systemd-analyze", "verify", f"--root={root}", "--man=no", "--recursive-errors=no", *names
    )


def test_all_units_load_without_a_word(root: Path) -> None:
    verdict = verify(root, *NAMES)
    assert (verdict.returncode, verdict.stderr) == (0, "")


def test_a_faulty_unit_would_be_noticed(root: Path) -> None:
    faulty = (UNITS / "system/bargebox-leg.service").read_text().replace("/bargebox leg", "/gone")
    (root / SYSTEM / "faulty.service").write_text(faulty)
    assert verify(root, "faulty.service").returncode != 0


def test_what_an_update_leaves_to_calls_is_understood(root: Path) -> None:
    rauc = root / SYSTEM / "rauc.service"
    rauc.write_text(
        "[Service]\nType=dbus\nBusName=de.pengutronix.rauc\nExecStart=/usr/bin/bargebox\n"
    )
    more = root / "etc/systemd/system/rauc.service.d"
    more.mkdir(parents=True)
    shutil.copy(UNITS / "rauc/bargebox.conf", more)
    verdict = verify(root, "rauc.service")
    assert (verdict.returncode, verdict.stderr) == (0, "")
    (more / "bargebox.conf").write_text("[Service]\nNice=20\n")
    assert "Nice" in verify(root, "rauc.service").stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_exposure_stays_below_its_threshold(root: Path, unit: str) -> None:
    verdict = run(
        "systemd-analyze", "security", "--offline=true", "--no-pager", f"--root={root}",
        f"--threshold={EXPOSURE[unit]}", unit,
    )  # fmt: skip
    assert verdict.returncode == 0, verdict.stdout


def test_the_leg_can_write_nowhere() -> None:
    leg = directives("bargebox-leg.service")
    assert leg["ProtectSystem"] == ["strict"]
    ways_to_write = {
        "ReadWritePaths", "StateDirectory", "CacheDirectory", "LogsDirectory", "RuntimeDirectory",
        "ConfigurationDirectory", "BindPaths", "ExecPaths", "RootDirectory", "RootImage",
    }  # fmt: skip
    assert not ways_to_write & leg.keys()
    assert leg["ReadOnlyPaths"] == ["/tmp /var/tmp -/dev/shm"]
    assert leg["LimitFSIZE"] == leg["LimitCORE"] == leg["MemorySwapMax"] == ["0"]


def test_the_leg_runs_above_the_rest_as_a_whole() -> None:
    leg = directives("bargebox-leg.service")
    assert leg["CPUSchedulingPolicy"] == ["rr"]
    assert "CPUSchedulingPolicy" not in directives("bargebox-control.service")


def test_control_touches_no_device() -> None:
    control = directives("bargebox-control.service")
    assert control["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in control
    assert "audio" not in control["SupplementaryGroups"][0]


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_that_dies_or_hangs_comes_back(unit: str) -> None:
    service = directives(unit)
    assert service["Type"] == ["notify"]
    assert service["NotifyAccess"] == ["main"]
    assert service["WatchdogSec"] == ["10"]
    assert service["Restart"] == ["always"]
    assert service["RestartSec"] == ["200ms"]
    assert service["StartLimitIntervalSec"] == ["0"]
    assert service["LimitCORE"] == ["0"]


def test_the_control_link_is_for_the_two_processes_only() -> None:
    link = directives("bargebox-leg.socket")
    assert link["ListenStream"] == ["/run/bargebox/leg.sock"]
    assert (link["SocketGroup"], link["SocketMode"]) == (["bargebox"], ["0660"])


def test_the_virtual_panel_is_for_the_two_processes_and_held_for_the_leg() -> None:
    panel, leg = directives("bargebox-panel.socket"), directives("bargebox-leg.service")
    assert panel["ListenStream"] == [str(BoxSettings().panel_socket)]
    assert panel["FileDescriptorName"] == [PANEL_SOCKET]
    assert panel["Service"] == ["bargebox-leg.service"]
    assert (panel["SocketGroup"], panel["SocketMode"]) == (["bargebox"], ["0660"])
    assert directives("bargebox-leg.socket")["FileDescriptorName"] == [LINK_SOCKET]
    assert leg["Sockets"] == ["bargebox-leg.socket bargebox-panel.socket"]
    assert "bargebox" in directives("bargebox-control.service")["SupplementaryGroups"][0].split()


def test_the_leg_serves_both_sockets_that_it_is_handed_and_makes_none(tmp_path: Path) -> None:
    link, panel, settings = (tmp_path / name for name in ("l.sock", "p.sock", "box.toml"))
    box = {"run_dir": str(tmp_path / "none"), "state_dir": str(tmp_path / "none")}
    settings.write_text(to_toml({"box": box, "audio": {"headset": "usb-serial:NONE"}}))
    leg = subprocess.Popen(
        ["systemd-socket-activate", "--listen", link, "--listen", panel,
         "--fdname", f"{LINK_SOCKET}:{PANEL_SOCKET}",
         sys.executable, "-m", "appliance.cli", "leg", "--settings", settings],
        cwd=UNITS.parent, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        with client(panel) as finger:
            assert finger.wait_for(Lamp.STATUS, LampPattern.FAST_DOUBLE_BLINK, timeout=60)
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(link))
                control.settimeout(20)
                with control.makefile("rb") as lines:
                    snapshot = json.loads(lines.readline())
            assert (snapshot["type"], snapshot["board"]) == ("snapshot", "virtual")
    finally:
        leg.terminate()
        _, said = leg.communicate(timeout=20)
    assert leg.returncode == 0, said.decode()
    assert panel.exists(), "it is systemd's"


def client(path: Path) -> VirtualPanelClient:
    """A client of a panel that is about to be listened on."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return VirtualPanelClient(path)
        except PanelError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_users_are_made(root: Path) -> None:
    made = run(
        "systemd-sysusers", "--dry-run", f"--root={root}", UNITS / "sysusers.d/bargebox.conf"
    )
    assert made.returncode == 0, made.stderr
    for user in ("bargebox-leg", "bargebox-control"):
        assert f"Creating user '{user}'" in made.stdout + made.stderr


def test_the_folders_are_described_well(root: Path) -> None:
    # The prefix matches no line: all are read and judged, none is carried out.
    read = run(
        "systemd-tmpfiles", "--create", f"--root={root}", "--prefix=/nowhere",
        UNITS / "tmpfiles.d/bargebox.conf",
    )  # fmt: skip
    assert (read.returncode, read.stderr) == (0, "")


def test_everything_is_switched_on_by_the_preset(root: Path) -> None:
    folder = root / "usr/lib/systemd/system-preset"
    folder.mkdir(exist_ok=True)
    shutil.copy(UNITS / "system-preset/50-bargebox.preset", folder)
    done = run("systemctl", f"--root={root}", "preset", *NAMES)
    assert done.returncode == 0, done.stderr
    wanted = root / "etc/systemd/system"
    assert (wanted / "multi-user.target.wants/bargebox.target").is_symlink()
    for name in set(NAMES) - {"bargebox.target"}:
        assert (wanted / "bargebox.target.wants" / name).is_symlink()
