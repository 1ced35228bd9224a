"""The system bus (D-Bus), on which the box's own services are asked and told.

Each piece of work has a connection of its own, closed at its end: there is nothing to renew when
the bus was away, and nothing that waits while nobody asks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from dbus_fast import ErrorType, InvalidAddressError, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.auth import UID_NOT_SPECIFIED, AuthExternal
from dbus_fast.errors import AuthError, AuthTimeoutError, DBusError
from dbus_fast.unpack import unpack_variants

from appliance.service.errors import BargeboxError

LIMIT_S: Final = 5.0
"""How long a service may take for one answer."""

SYSTEM_BUS: Final = "unix:path=/run/dbus/system_bus_socket"
"""Where it listens (D-Bus Specification, Well-known Message Bus Instances)."""

HEARD_MOST: Final = 64
"""Signals that are kept; the older ones go."""

_ABSENT: Final = {
    ErrorType.SERVICE_UNKNOWN.value,
    ErrorType.NAME_HAS_NO_OWNER.value,
    ErrorType.DISCONNECTED.value,
    "org.freedesktop.systemd1.NoSuchUnit",
    "org.freedesktop.systemd1.UnitMasked",
}
_FORBIDDEN: Final = {
    ErrorType.ACCESS_DENIED.value,
    ErrorType.AUTH_FAILED.value,
    ErrorType.INTERACTIVE_AUTHORIZATION_REQUIRED.value,
    "org.freedesktop.NetworkManager.PermissionDenied",
    "org.freedesktop.NetworkManager.Settings.PermissionDenied",
}
_NO_OBJECT: Final = {ErrorType.UNKNOWN_OBJECT.value, ErrorType.UNKNOWN_METHOD.value}


class BusError(BargeboxError):
    """A service refused or failed; ``name`` is the error's D-Bus name."""

    code = "service_failed"

    def __init__(self, detail: str, name: str = "") -> None:
        super().__init__(detail)
        self.name = name


class ServiceAbsentError(BusError):
    """There is no such service, or no system bus at all."""

    code = "service_absent"


class ServiceForbiddenError(BusError):
    """The service does not take orders from this process."""

    code = "service_forbidden"


class NoObjectError(BusError):
    """The object is not there, or not any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """An interface of an object that a service has."""

    service: str
    path: str
    interface: str

    def at(self, path: str, interface: str | None = None) -> Place:
        """The same service's other object."""
        return Place(self.service, path, interface or self.interface)


BUS: Final = Place("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
"""The bus itself."""


class Talk:
    """One connection to the bus, while it is open."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    async def call(
        self,
        place: Place,
        member: str,
        signature: str = "",
        *arguments: Any,
        limit_s: float | None = None,
    ) -> list[Any]:
        """What the method answers, variants unpacked. Raises `BusError`."""
        message = Message(
            destination=place.service,
            path=place.path,
            interface=place.interface,
            member=member,
            signature=signature,
            body=list(arguments),
        )
        try:
            async with asyncio.timeout(limit_s or LIMIT_S):
                answer = await self._bus.call(message)
        except TimeoutError as error:
            raise BusError(f"{place.service} does not answer. Try again.") from error
        except (OSError, EOFError, DBusError) as error:
            raise ServiceAbsentError(f"The system bus went away ({error}). Try again.") from error
        if answer.message_type is MessageType.ERROR:
            raise _error_of(place.service, answer)
        found: list[Any] = unpack_variants(answer.body)
        return found

    async def properties(self, place: Place) -> dict[str, Any]:
        """All properties of the interface. Raises `BusError`."""
        reader = place.at(place.path, "org.freedesktop.DBus.Properties")
        (found,) = await self.call(reader, "GetAll", "s", place.interface)
        return dict(found)

    @asynccontextmanager
    async def heard(self, place: Place, signal: str) -> AsyncIterator[deque[list[Any]]]:
        """What an object signals meanwhile, the last of it. Raises `BusError`."""
        told: deque[list[Any]] = deque(maxlen=HEARD_MOST)
        wanted = place.path, place.interface, signal

        def hear(message: Message) -> None:
            about = message.path, message.interface, message.member
            if message.message_type is MessageType.SIGNAL and about == wanted:
                told.append(unpack_variants(message.body))

        rule = f"type='signal',interface='{place.interface}',member='{signal}',path='{place.path}'"
        await self.call(BUS, "AddMatch", "s", rule)
        with self.messages(hear):
            yield told

    @contextmanager
    def messages(self, take: Callable[[Message], None]) -> Iterator[None]:
        """Have *take* called with every message that comes meanwhile, whoever sent it."""
        self._bus.add_message_handler(take)
        try:
            yield
        finally:
            self._bus.remove_message_handler(take)

    async def ended(self) -> None:
        """Until the bus goes away."""
        with suppress(OSError, EOFError, DBusError):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def runs(self, service: str) -> bool:
        """Whether somebody has that name now; nobody is started."""
        (owned,) = await self.call(BUS, "NameHasOwner", "s", service)
        return bool(owned)


class SystemBus:
    """The bus at *address*; with an empty one there is none."""

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def wanted(self) -> bool:
        """It is not one that was told to be left alone."""
        return bool(self._address)

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[Talk]:
        """A connection for one piece of work. Raises `ServiceAbsentError` when there is no bus."""
        bus = await self._connected()
        try:
            yield Talk(bus)
        finally:
            await _closed(bus)

    async def _connected(self) -> MessageBus:
        if not self._address:
            raise ServiceAbsentError("It was told to leave the system bus alone (box.system_bus).")
        try:
            # The kernel tells the bus who this is, whatever it is called in here.
            bus = MessageBus(self._address, auth=AuthExternal(UID_NOT_SPECIFIED))
        except InvalidAddressError as error:
            raise ServiceAbsentError(f"There is no system bus here ({error}).") from error
        try:
            async with asyncio.timeout(LIMIT_S):
                return await bus.connect()
        except TimeoutError as error:
            await _closed(bus)
            raise BusError("The system bus does not answer. Try again.") from error
        except (OSError, EOFError, AuthError, AuthTimeoutError) as error:
            raise ServiceAbsentError(f"There is no system bus here ({error}).") from error


async def _closed(bus: MessageBus) -> None:
    """Close the connection and wait until it is, so that no descriptor is left."""
    bus.disconnect()
    with suppress(OSError, EOFError, DBusError):
        async with asyncio.timeout(LIMIT_S):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


def _error_of(service: str, answer: Message) -> BusError:
    name = answer.error_name or ""
    words = str(answer.body[0]).rstrip(".") if answer.body else name
    if name in _ABSENT:
        return ServiceAbsentError(f"{service} does not run on this box.", name)
    if name in _FORBIDDEN:
        detail = f"{service} does not let Bargebox do that ({words}); see docs/network.md, Rights."
        return ServiceForbiddenError(detail, name)
    if name in _NO_OBJECT:
        return NoObjectError(f"{service} no longer has that ({words}). Try again.", name)
    return BusError(f"{service} refused: {words}.", name)
