"""Each check finds what is wrong and nothing else, in a box with a real database and real files."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.control_link.states import HeadsetState
from appliance.monitoring.audit import Entry
from appliance.monitoring.session import DeviceView
from appliance.platforms.protocol import PlatformConnection
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.checks import CHECKS, database_intact, restarts
from tests.support.health_box import HealthBox, health_box

DAY_S = 86400.0
CLOCK = "appliance.provisioning.health.checks.clock"


def check(name: str) -> Check:
    (found,) = (one for one in CHECKS if one.name == name)
    return found


async def codes(here: HealthBox, name: str) -> list[str]:
    found = list(await check(name).look(here.box))
    assert all(one.code in check(name).codes for one in found)
    assert all(one.words.endswith(".") and one.suggestion for one in found), found
    return [one.code for one in found]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[HealthBox]:
    async with health_box(tmp_path) as here:
        yield here


def test_names_and_codes_are_each_one_s_own() -> None:
    assert len({one.name for one in CHECKS}) == len(CHECKS)
    all_codes = [code for one in CHECKS for code in one.codes]
    assert len(set(all_codes)) == len(all_codes)
    assert all(code in one.codes for one in CHECKS for code in one.fixes)


@pytest.mark.parametrize("name", [one.name for one in CHECKS])
async def test_a_healthy_box_has_no_findings(here: HealthBox, name: str) -> None:
    assert await codes(here, name) == []


@pytest.mark.parametrize(
    ("name", "break_it", "code"),
    [
        ("headset", lambda t: set_device(t, HeadsetState()), "headset_missing"),
        (
            "headset",
            lambda t: set_device(t, HeadsetState(detail="The headset has no microphone.")),
            "headset_unfit",
        ),
        ("panel", lambda t: set_device(t, None), "panel_missing"),
        (
            "platform",
            lambda t: setattr(t, "connection", PlatformConnection(False)),
            "platform_not_connected",
        ),
        (
            "platform",
            lambda t: setattr(t, "platform_fault", "It is no JSON."),
            "platform_settings_damaged",
        ),
        (
            "first_password",
            lambda t: setattr(t, "first_password", True),
            "first_password_unchanged",
        ),
        ("certificate", lambda t: setattr(t, "certificate_s", -1.0), "certificate_ended"),
        ("certificate", lambda t: setattr(t, "certificate_s", DAY_S), "certificate_ends_soon"),
        ("certificate", lambda t: setattr(t, "certificate_s", 90 * DAY_S), None),
        ("audit", lambda t: setattr(t, "audit_fault", "Row 7 was changed."), "audit_broken"),
    ],
)
async def test_what_others_tell(
    here: HealthBox, name: str, break_it: Callable[[object], None], code: str | None
) -> None:
    break_it(here.told)
    assert await codes(here, name) == ([code] if code else [])


def set_device(told: object, headset: HeadsetState | None) -> None:
    device = DeviceView(headset is not None, headset=headset or HeadsetState())
    setattr(told, "device", device)  # noqa: B010 (of any object, for the table above)


async def test_a_headset_that_nobody_can_see_is_not_missing(here: HealthBox) -> None:
    set_device(here.told, None)
    assert await codes(here, "headset") == []


async def test_refused_settings_are_told_with_their_fault(tmp_path: Path) -> None:
    async with health_box(tmp_path, settings_fault="leg.volume: wrong.") as here:
        (found,) = await check("settings").look(here.box)
    assert found.code == "settings_refused"
    assert "leg.volume: wrong." in found.words


# -- the disk


@pytest.mark.parametrize(
    ("free_mb", "code"), [(10, "disk_full"), (150, "disk_nearly_full"), (500, None)]
)
async def test_free_space(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch, free_mb: int, code: str | None
) -> None:
    room = SimpleNamespace(f_bavail=free_mb * 256, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: room)
    assert await codes(here, "disk") == ([code] if code else [])


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EROFS, "disk_read_only"),
        (errno.EIO, "disk_read_only"),
        (errno.ENOSPC, "disk_full"),
        (errno.EACCES, "disk_unusable"),
    ],
)
async def test_a_disk_that_takes_nothing(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(**options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert await codes(here, "disk") == [code]


async def test_tidying_gives_the_journal_s_space_back(here: HealthBox) -> None:
    await here.audit.append(*(Entry("sam", "monitor", detail={"n": "x" * 900}) for _ in range(200)))
    journal = here.box.database.with_name(here.box.database.name + "-wal")
    assert journal.stat().st_size > 0
    await check("disk").fixes["disk_nearly_full"].work(here.box, "tom")
    assert journal.stat().st_size == 0
    assert len((await here.audit.search(limit=200)).rows) == 200


# -- the database


async def test_a_database_that_takes_nothing(here: HealthBox) -> None:
    def forbid(database: sqlite3.Connection) -> None:
        database.execute("PRAGMA query_only = 1")

    await asyncio.get_running_loop().run_in_executor(
        here.store._writer, forbid, here.store._written
    )
    assert await codes(here, "database") == ["database_unwritable"]


async def test_a_damaged_database(here: HealthBox) -> None:
    await here.audit.append(*(Entry("sam", "monitor", detail={"n": "x" * 900}) for _ in range(200)))
    await check("disk").fixes["disk_nearly_full"].work(here.box, "tom")
    with here.box.database.open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xff" * 4096 * 8)
    assert await codes(here, "database_intact") == ["database_damaged"]
    shutil.copyfile(__file__, here.box.database)
    assert await codes(here, "database_intact") == ["database_damaged"]


async def test_a_check_that_takes_too_long_calls_nothing_damaged(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.audit.append(*(Entry("sam", "monitor", detail={"n": "x" * 900}) for _ in range(200)))
    monkeypatch.setattr(database_intact, "LIMIT_S", -1.0)
    monkeypatch.setattr(database_intact, "STEPS", 1)
    assert await codes(here, "database_intact") == []


# -- the clock


async def test_a_clock_that_nobody_set(here: HealthBox) -> None:
    folder = here.box.root / "run/systemd/timesync"
    folder.mkdir(parents=True)
    assert await codes(here, "clock") == ["clock_not_synchronised"]
    (folder / "synchronized").touch()
    assert await codes(here, "clock") == []


@pytest.mark.parametrize("offset", [timedelta(days=-400), timedelta(days=25 * 365)])
async def test_a_clock_before_the_program_or_far_beyond(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch, offset: timedelta
) -> None:
    monkeypatch.setattr(f"{CLOCK}.datetime", Shifted)
    monkeypatch.setattr(Shifted, "offset", offset)
    assert await codes(here, "clock") == ["clock_wrong"]


async def test_a_clock_before_what_is_on_record(here: HealthBox) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=2)
    await here.audit.append(Entry("sam", "monitor", at=ahead))
    assert await codes(here, "clock") == ["clock_wrong"]


class Shifted(datetime):
    """A wall clock that is wrong."""

    offset = timedelta()

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + cls.offset


# -- the board


async def test_a_hot_board_with_a_weak_supply(here: HealthBox) -> None:
    zone = here.box.root / "sys/class/thermal/thermal_zone0"
    supply = here.box.root / "sys/class/hwmon/hwmon1"
    zone.mkdir(parents=True)
    supply.mkdir(parents=True)
    (zone / "temp").write_text("52100\n")
    (supply / "in0_lcrit_alarm").write_text("0\n")
    assert await codes(here, "board") == []
    (zone / "temp").write_text("83400\n")
    (supply / "in0_lcrit_alarm").write_text("1\n")
    assert await codes(here, "board") == ["too_hot", "undervoltage"]
    (zone / "temp").write_text("nonsense")
    (supply / "in0_lcrit_alarm").unlink()
    assert await codes(here, "board") == []


# -- restarts


async def test_many_starts_are_told_until_counted_anew(here: HealthBox) -> None:
    for _ in range(restarts.OFTEN - 1):
        await restarts.count_start(here.store)
    assert await codes(here, "restarts") == []
    await restarts.count_start(here.store)
    assert await codes(here, "restarts") == ["control_restarts"]
    await check("restarts").fixes["control_restarts"].work(here.box, "tom")
    assert await codes(here, "restarts") == []


async def test_starts_of_long_ago_do_not_count(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(100):
        await restarts.count_start(here.store)
    assert await codes(here, "restarts") == ["control_restarts"]
    later = time.time() + 3700
    monkeypatch.setattr(time, "time", lambda: later)
    assert await codes(here, "restarts") == []
