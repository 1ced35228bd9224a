"""The time by hand: what moment is meant, and where time servers are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.provisioning.box.clock import ClockSettings, moment_of
from appliance.provisioning.box.time_servers import TimeServersFile
from appliance.provisioning.not_changed import NotChangedError
from appliance.service.errors import BargeboxError


@pytest.mark.parametrize(
    ("zone", "time", "moment"),
    [
        ("Europe/Berlin", "2030-05-01T10:00", datetime(2030, 5, 1, 8, tzinfo=UTC)),
        ("Europe/Berlin", "2030-12-01T10:00", datetime(2030, 12, 1, 9, tzinfo=UTC)),
        ("Europe/Berlin", "2030-05-01T10:00:00Z", datetime(2030, 5, 1, 10, tzinfo=UTC)),
        ("Asia/Kathmandu", "2030-05-01T10:00", datetime(2030, 5, 1, 4, 15, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_the_zone_s(zone: str, time: str, moment: datetime) -> None:
    wanted = ClockSettings.model_validate({"time_zone": zone, "ntp": False, "time": time})
    assert moment_of(wanted) == moment


def test_a_zone_that_python_lacks_is_told() -> None:
    wanted = ClockSettings(time_zone="Europe/Nowhere", ntp=False, time=datetime(2030, 1, 1))
    with pytest.raises(NotChangedError):
        moment_of(wanted)


def test_servers_are_kept_and_a_file_that_cannot_be_read_holds_none(tmp_path: Path) -> None:
    file = TimeServersFile(tmp_path / "servers")
    assert file.read() == []
    file.write(["ntp.example.org", "192.0.2.3"])
    assert file.read() == ["ntp.example.org", "192.0.2.3"]
    (tmp_path / "folder").mkdir()
    assert TimeServersFile(tmp_path / "folder").read() == []
    with pytest.raises(BargeboxError, match="cannot be saved"):
        TimeServersFile(tmp_path / "nowhere/servers").write([])
