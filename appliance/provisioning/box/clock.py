"""The box's clock: its time zone and where the time comes from (systemd-timedated, -timesyncd)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from appliance.monitoring.audit import Entry
from appliance.provisioning.box.shipped import ShippedFile
from appliance.provisioning.box.time_servers import TimeServersFile
from appliance.provisioning.bus import BusError, Place, ServiceAbsentError, SystemBus, Talk
from appliance.provisioning.neighbours import Log
from appliance.provisioning.network.addresses import address, distinct, domain
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.words import said

_TIMEDATED: Final = Place(
    "org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1"
)
_TIMESYNCD: Final = Place(
    "org.freedesktop.timesync1", "/org/freedesktop/timesync1", "org.freedesktop.timesync1.Manager"
)
MOST_SERVERS: Final = 8
EARLIEST: Final = datetime(2024, 1, 1)


def _server(text: str) -> str:
    """A time server's name or address. Raises ``ValueError`` in plain words."""
    try:
        given = ip_address(text.strip())
    except ValueError:
        return domain(text)
    return str(address(str(given)))


TimeServer = Annotated[str, Field(max_length=253), AfterValidator(_server)]


class ClockSettings(BaseModel):
    """What the clock shall show, and where its time comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    time_zone: Annotated[str, Field(min_length=1, max_length=64)]

    ntp: bool = True
    """Get the time from the network (NTP)."""

    servers: Annotated[tuple[TimeServer, ...], Field(max_length=MOST_SERVERS)] = ()
    """Time servers, one a line; empty: those of the box's system."""

    time: datetime | None = None
    """Where the time does not come from the network: what it is now, in that time zone."""

    @field_validator("servers")
    @classmethod
    def _once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(distinct(given))

    @field_validator("time")
    @classmethod
    def _by_hand(cls, given: datetime | None, info: ValidationInfo) -> datetime | None:
        if given is None:
            return None
        if info.data.get("ntp", True):
            raise ValueError("The time comes from the network; switch that off to set it by hand.")
        if given.replace(tzinfo=None) < EARLIEST:
            raise ValueError("This is before the box was made; check the year.")
        return given


class ClockView(BaseModel):
    """The clock as it is."""

    managed: bool
    """False where the clock cannot be changed here; ``detail`` says why."""
    detail: str = ""
    time_zone: str = ""
    now: datetime | None = None
    """UTC."""
    ntp: bool = False
    can_ntp: bool = False
    """There is a service that gets the time from the network."""
    synchronized: bool = False
    """The clock has been set by one."""
    servers: list[str] = []
    """Those that were chosen here."""
    server: str = ""
    """The one in use."""


class Clock:
    """The box's clock."""

    def __init__(
        self,
        bus: SystemBus,
        file: TimeServersFile,
        audit: Log,
        shipped: ShippedFile | None = None,
    ) -> None:
        self._bus, self._file, self._audit = bus, file, audit
        self._shipped = shipped

    async def start(self) -> None:
        """Tell timesyncd the servers that were chosen; it may have started anew."""
        servers = await asyncio.to_thread(self._file.read)
        if servers:
            with suppress(BusError):  # shown on the page
                async with self._bus.talk() as talk:
                    await tell_servers(talk, servers)

    async def view(self) -> ClockView:
        """As it is now; without the service that there is none, and never an error."""
        try:
            async with self._bus.talk() as talk:
                return await self._view(talk)
        except ServiceAbsentError as error:
            words = f"The clock cannot be changed here. {error.detail}"
            return ClockView(managed=False, detail=words, now=datetime.now(UTC))
        except BusError as error:
            return ClockView(managed=False, detail=error.detail, now=datetime.now(UTC))

    async def zones(self) -> list[str]:
        """The names of all time zones; none without the service."""
        with suppress(BusError):
            async with self._bus.talk() as talk:
                (names,) = await talk.call(_TIMEDATED, "ListTimezones")
                return [str(name) for name in names]
        return []

    async def set(self, who: str, wanted: ClockSettings) -> ClockView:
        """Use the settings. Raises `NotChangedError`, `BusError`."""
        async with self._bus.talk() as talk:
            before = await self._view(talk)
            (zones,) = await talk.call(_TIMEDATED, "ListTimezones")
            if wanted.time_zone not in zones:
                raise NotChangedError.of({"time_zone": said("There is no such time zone.")})
            if wanted.ntp and not before.can_ntp:
                words = said("This box has no service that gets the time from the network.")
                raise NotChangedError.of({"ntp": words})
            moment = await asyncio.to_thread(moment_of, wanted)
            detail = wanted.model_dump(mode="json", exclude_none=True)
            await self._audit.append(Entry(who, "clock_changed", detail=detail))
            if self._shipped is not None:
                first: dict[str, str | bool] = {"time_zone": before.time_zone, "ntp": before.ntp}
                await asyncio.to_thread(self._shipped.keep_first, first)
            await self._carry_out(talk, before, wanted, moment)
            return await self._view(talk)

    async def _carry_out(
        self, talk: Talk, before: ClockView, wanted: ClockSettings, moment: datetime | None
    ) -> None:
        if wanted.time_zone != before.time_zone:
            await talk.call(_TIMEDATED, "SetTimezone", "sb", wanted.time_zone, False)
        servers = list(wanted.servers)
        if servers != before.servers:
            await asyncio.to_thread(self._file.write, servers)
        if wanted.ntp != before.ntp:
            await talk.call(_TIMEDATED, "SetNTP", "bb", wanted.ntp, False)
        if wanted.ntp and (servers or before.servers):
            await tell_servers(talk, servers)
        if moment is not None:
            micros = int(moment.timestamp() * 1_000_000)
            await talk.call(_TIMEDATED, "SetTime", "xbb", micros, False, False)

    async def _view(self, talk: Talk) -> ClockView:
        found = await talk.properties(_TIMEDATED)
        return ClockView(
            managed=True,
            time_zone=found["Timezone"],
            now=datetime.now(UTC),
            ntp=bool(found.get("NTP")),
            can_ntp=bool(found.get("CanNTP")),
            synchronized=bool(found.get("NTPSynchronized")),
            servers=await asyncio.to_thread(self._file.read),
            server=await _server_in_use(talk),
        )


async def tell_servers(talk: Talk, servers: list[str]) -> None:
    """Have timesyncd use *servers*, those of its own where there are none. Raises `BusError`."""
    await talk.call(_TIMESYNCD, "SetRuntimeNTPServers", "as", servers)


async def _server_in_use(talk: Talk) -> str:
    try:
        if not await talk.runs(_TIMESYNCD.service):
            return ""
        found: dict[str, Any] = await talk.properties(_TIMESYNCD)
    except BusError:
        return ""
    return str(found.get("ServerName", ""))


def moment_of(wanted: ClockSettings) -> datetime | None:
    """The moment that is meant, waiting for the disk. Raises `NotChangedError`."""
    if wanted.time is None or wanted.time.tzinfo is not None:
        return wanted.time
    try:
        return wanted.time.replace(tzinfo=ZoneInfo(wanted.time_zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise NotChangedError.of({"time_zone": said("There is no such time zone.")}) from error
