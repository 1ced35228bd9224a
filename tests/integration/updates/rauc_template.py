"""RAUC for python-dbusmock: the interface of RAUC 1.13, the image's.

Members that RAUC 1.8 has too are as its own introspection tells them, which a test compares.
Debian 12's 1.8 cannot look at a bundle by ``InspectBundle``, and was built without streaming: what
control asks of the newer one is told by this.
"""

from __future__ import annotations

from typing import Any

import dbus

BUS_NAME = "de.pengutronix.rauc"
MAIN_OBJ = "/"
MAIN_IFACE = "de.pengutronix.rauc.Installer"
SYSTEM_BUS = True

INSPECT = """
if args[0].startswith("https://gone."):
    raise dbus.exceptions.DBusException("failed to start nbd: download failed",
                                        name="org.gtk.GDBus.UnmappedGError.Quark._g_2dio")
update = dbus.Dictionary({"compatible": "bargebox-test", "version": "2.0.0",
                          "description": "A test"}, signature="sv", variant_level=1)
ret = dbus.Dictionary({"update": update, "manifest-hash": "f" * 64}, signature="sv")
"""
SLOTS = """
def slot(name, bootname, state, version):
    facts = {"bootname": bootname, "state": state, "boot-status": "good", "status": "ok",
             "bundle.version": version}
    return (name, dbus.Dictionary(facts, signature="sv"))
ret = dbus.Array([slot("rootfs.0", "A", "booted", "1.0.0"), slot("rootfs.1", "B", "inactive", "")],
                 signature="(sa{sv})")
"""


def load(mock: Any, parameters: dict[str, Any]) -> None:
    """As dbusmock wants it."""
    mock.AddMethods(
        MAIN_IFACE,
        [
            ("Install", "s", "", ""),
            ("InstallBundle", "sa{sv}", "", ""),
            ("Info", "s", "ss", 'ret = ("bargebox-test", "2.0.0")'),
            ("InspectBundle", "sa{sv}", "a{sv}", INSPECT),
            ("Mark", "ss", "ss", "ret = (args[1], 'done')"),
            ("GetSlotStatus", "", "a(sa{sv})", SLOTS),
            ("GetPrimary", "", "s", 'ret = "rootfs.0"'),
        ],
    )
    progress = dbus.Struct((dbus.Int32(0), "", dbus.Int32(0)), signature="isi")
    mock.AddProperties(
        MAIN_IFACE,
        {
            "Operation": "idle",
            "LastError": "",
            "Progress": progress,
            "Compatible": "bargebox-test",
            "Variant": "",
            "BootSlot": "A",
        },
    )
