"""Stand-ins for the services that need systemd as process 1 or would set the machine's clock.

Run by Debian's own Python, which has dbusmock: ``python3 stand_ins.py NAME``, one of `makers`.
systemd's knows one unit, timesyncd's, as far as the real systemd-timedated asks about it.
"""

from __future__ import annotations

import sys

import dbus
import dbus.mainloop.glib
import dbusmock
from gi.repository import GLib

UNIT = "/org/freedesktop/systemd1/unit/systemd_2dtimesyncd_2eservice"
JOB = "/org/freedesktop/systemd1/job/1"
ONE_ON = f"""
mock = objects["{UNIT}"]
mock.Set("org.freedesktop.systemd1.Unit", "ActiveState", "%s")
mock.Set("org.freedesktop.systemd1.Unit", "UnitFileState", "%s")
"""
JOB_DONE = f"""
ret = dbus.ObjectPath("{JOB}")
self.EmitSignal("org.freedesktop.systemd1.Manager", "JobRemoved", "uoss",
                [dbus.UInt32(1), ret, "systemd-timesyncd.service", "done"])
"""


def systemd(bus: dbus.Bus) -> dbusmock.DBusMockObject:
    manager = "org.freedesktop.systemd1.Manager"
    mock = made(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", manager)
    changes = "ret = (False, dbus.Array([], signature='(sss)'))"
    no_changes = "ret = dbus.Array([], signature='(sss)')"
    mock.AddMethods(
        manager,
        [
            ("LoadUnit", "s", "o", f'ret = dbus.ObjectPath("{UNIT}")'),
            ("GetUnit", "s", "o", f'ret = dbus.ObjectPath("{UNIT}")'),
            ("Subscribe", "", "", ""),
            ("Reload", "", "", ""),
            ("RestartUnit", "ss", "o", f'ret = dbus.ObjectPath("{JOB}")'),
            ("EnableUnitFiles", "asbb", "ba(sss)", changes),
            ("DisableUnitFiles", "asb", "a(sss)", no_changes),
            ("StartUnit", "ss", "o", ONE_ON % ("active", "enabled") + JOB_DONE),
            ("StopUnit", "ss", "o", ONE_ON % ("inactive", "disabled") + JOB_DONE),
        ],
    )
    properties = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}
    mock.AddObject(UNIT, "org.freedesktop.systemd1.Unit", properties, [])
    return mock


def timesyncd(bus: dbus.Bus) -> dbusmock.DBusMockObject:
    part = "org.freedesktop.timesync1.Manager"
    mock = made(bus, "org.freedesktop.timesync1", "/org/freedesktop/timesync1", part)
    told = f'self.Set("{part}", "ServerName", args[0][0] if args[0] else "time.example.org")'
    mock.AddMethods(part, [("SetRuntimeNTPServers", "as", "", told)])
    mock.AddProperties(part, {"ServerName": "time.example.org"})
    return mock


def avahi(bus: dbus.Bus) -> dbusmock.DBusMockObject:
    part = "org.freedesktop.Avahi.Server"
    mock = made(bus, "org.freedesktop.Avahi", "/", part)
    mock.AddMethods(
        part,
        [
            ("GetHostNameFqdn", "", "s", 'ret = getattr(self, "host", "bargebox") + ".local"'),
            ("SetHostName", "s", "", "self.host = str(args[0])"),
        ],
    )
    return mock


def logind(bus: dbus.Bus) -> dbusmock.DBusMockObject:
    manager = "org.freedesktop.login1.Manager"
    mock = made(bus, "org.freedesktop.login1", "/org/freedesktop/login1", manager)
    mock.AddTemplate("logind", {})
    return mock


def made(bus: dbus.Bus, name: str, path: str, interface: str) -> dbusmock.DBusMockObject:
    owned = dbus.service.BusName(name, bus, do_not_queue=True)
    return dbusmock.DBusMockObject(owned, path, interface, {})


if __name__ == "__main__":
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    makers = {"systemd": systemd, "timesyncd": timesyncd, "avahi": avahi, "logind": logind}
    kept = makers[sys.argv[1]](dbus.SystemBus())
    GLib.MainLoop().run()
