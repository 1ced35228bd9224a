"""What control may do on the system bus: judged by the real polkitd and the real bus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.private_box import PrivateBox, private_box

SYSTEMD = Path(__file__).parents[3] / "systemd"
RULES = SYSTEMD / "polkit/50-bargebox.rules"
POLICY = SYSTEMD / "dbus/bargebox.conf"
RAUC = Path(__file__).parents[1] / "updates/rauc_template.py"
ALLOWED = re.findall(r'"(org\.freedesktop\.[\w.-]+)",', RULES.read_text())
"""Whatever they are asked for; units are a matter of which and what."""
NEVER = [
    "org.freedesktop.NetworkManager.reload",
    "org.freedesktop.NetworkManager.sleep-wake",
    "org.freedesktop.NetworkManager.enable-disable-network",
    "org.freedesktop.NetworkManager.settings.modify.global-dns",
    "org.freedesktop.hostname1.get-hardware-serial",
    "org.freedesktop.timedate1.set-local-rtc",
    "org.freedesktop.systemd1.manage-units",
    "org.freedesktop.systemd1.reload-daemon",
    "org.freedesktop.login1.power-off",
    "org.freedesktop.login1.reboot-ignore-inhibit",
]
CONTROL, OTHER = 990, 991
AS = "setpriv --reuid {0} --regid {0} --clear-groups"


@pytest.fixture(scope="module")
def services() -> Iterator[PrivateBox]:
    """With polkitd, our rules, and a bus that follows our policy beside Avahi's strict own."""
    with private_box() as box:
        for name, uid in (("bargebox-control", CONTROL), ("bargebox-leg", OTHER)):
            box.run(f"echo {name}:x:{uid}:{uid}::/:/bin/sh >>/etc/passwd")
            box.run(f"echo {name}:x:{uid}: >>/etc/group")
        box.run(f"mkdir -p /etc/polkit-1/rules.d; cp {RULES} /etc/polkit-1/rules.d")
        box.run("/usr/lib/polkit-1/polkitd --no-debug &>/run/polkitd.log &")
        box.owned("org.freedesktop.PolicyKit1")
        yield box


def permitted(services: PrivateBox, uid: int, action: str) -> bool:
    ask = f"{AS.format(uid)} bash -c 'exec pkcheck --action-id {action} --process $$'"
    return "allowed" in services.run(f"{ask} &>/dev/null && echo allowed || echo refused")


def test_the_rules_name_actions_that_exist() -> None:
    known = "".join(path.read_text() for path in Path("/usr/share/polkit-1/actions").iterdir())
    assert ALLOWED
    for action in [*ALLOWED, *NEVER]:
        assert f'"{action}"' in known, action


@pytest.mark.parametrize("action", ALLOWED)
def test_control_may_and_the_leg_may_not(services: PrivateBox, action: str) -> None:
    assert permitted(services, CONTROL, action)
    assert not permitted(services, OTHER, action)


@pytest.mark.parametrize("action", NEVER)
def test_control_may_nothing_else(services: PrivateBox, action: str) -> None:
    assert not permitted(services, CONTROL, action)


@pytest.mark.parametrize(
    ("uid", "unit", "verb", "may"),
    [
        (CONTROL, "bargebox.target", "restart", True),
        (OTHER, "bargebox.target", "restart", False),
        (CONTROL, "bargebox.target", "stop", False),
        (CONTROL, "ssh.service", "restart", False),
    ],
)
def test_control_may_restart_its_own_services_and_no_others(
    services: PrivateBox, uid: int, unit: str, verb: str, may: bool
) -> None:
    ask = "pkcheck --action-id org.freedesktop.systemd1.manage-units"
    about = f"--detail unit {unit} --detail verb {verb} --process $asker"
    services.run(f"{AS.format(uid)} sleep 20 & asker=$!")
    services.run(f"until [ $(stat -c %u /proc/$asker) = {uid} ]; do sleep 0.02; done")
    told = services.run(f"{ask} {about} &>/dev/null && echo allowed || echo refused")
    services.run("kill $asker")
    assert ("allowed" in told) is may


def test_the_bus_lets_control_tell_avahi_the_name_and_nobody_else(services: PrivateBox) -> None:
    services.run(f"cp {POLICY} /run/bus.d/")
    services.run("kill -HUP $(cat /run/bus.pid)")
    services.stand_in("avahi")
    ask = "busctl call org.freedesktop.Avahi / org.freedesktop.Avahi.Server SetHostName s desk-7"
    services.run(f"{AS.format(CONTROL)} {ask}")
    assert "Access denied" in services.run(f"{AS.format(OTHER)} {ask}", fails=True)


def test_only_control_and_root_may_have_something_installed(services: PrivateBox) -> None:
    services.run(f"cp {POLICY} /run/bus.d/")
    services.run("kill -HUP $(cat /run/bus.pid)")
    services.run(f"/usr/bin/python3 -m dbusmock --system --template {RAUC} &>/run/rauc.log &")
    services.owned("de.pengutronix.rauc")
    rauc = "busctl call de.pengutronix.rauc /"
    ask = f"{rauc} de.pengutronix.rauc.Installer Install s /tmp/x.raucb"
    services.run(f"{AS.format(CONTROL)} {ask}")
    services.run(ask)
    assert "Access denied" in services.run(f"{AS.format(OTHER)} {ask}", fails=True)
