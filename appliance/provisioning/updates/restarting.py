"""How the box is restarted, by systemd-logind."""

from __future__ import annotations

from typing import Final, Protocol

from appliance.provisioning.bus import Place, SystemBus

_LOGIN: Final = Place(
    "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
)


class Restarter(Protocol):
    """Whoever restarts the box."""

    async def restart(self) -> None:
        """Begin to restart; returns before it is down. Raises `BusError`."""


class LoginManager:
    """systemd-logind on *bus*."""

    def __init__(self, bus: SystemBus) -> None:
        self._bus = bus

    async def restart(self) -> None:
        """Begin to restart; returns before it is down. Raises `BusError`."""
        async with self._bus.talk() as talk:
            await talk.call(_LOGIN, "Reboot", "b", False)
