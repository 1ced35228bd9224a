"""What control writes lies where its unit, its user and its group let it write."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.cli import SETTINGS
from appliance.settings import Settings, keep_as_last_good, last_good_of

SYSTEMD = Path(__file__).parents[2] / "systemd"


def test_control_may_write_where_it_writes() -> None:
    box = Settings().box
    unit = (SYSTEMD / "system/bargebox-control.service").read_text().splitlines()
    lines = [line.split("=")[1] for line in unit if line.startswith("ReadWritePaths")]
    writable = " ".join(lines).split()
    assert str(box.local_access.parent) in writable
    assert str(last_good_of(SETTINGS).parent) in writable
    for folder in (*box.provisioning_dirs, *box.provisioning_media):
        assert f"-{folder}" in writable
    assert "StateDirectory=bargebox" in unit
    assert box.database.parent == Path("/var/lib/bargebox")
    places = (SYSTEMD / "tmpfiles.d/bargebox.conf").read_text().splitlines()
    folders = {line.split()[1]: line.split()[2:5] for line in places if line.startswith("d ")}
    assert folders[str(box.run_dir)] == ["0770", "root", "bargebox"]
    # The group of what is kept there is the folder's, so that the leg can read it.
    assert folders[str(SETTINGS.parent)] == ["2770", "root", "bargebox"]


def test_the_leg_can_read_the_last_good_settings(tmp_path: Path) -> None:
    file = tmp_path / "bargebox.toml"
    file.write_text("")
    file.chmod(0o640)
    before = os.umask(0o077)
    try:
        keep_as_last_good(file)
    finally:
        os.umask(before)
    assert last_good_of(file).stat().st_mode & 0o777 == 0o640
