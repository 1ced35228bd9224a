"""The settings file: refused as a whole with words, the last good one kept, old or new."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.service.files import write_whole
from appliance.settings import (
    MAX_BYTES,
    Settings,
    SettingsError,
    keep_as_last_good,
    last_good_of,
    load,
    load_or_last_good,
    parse,
)


def test_an_empty_file_is_a_box_with_defaults() -> None:
    assert parse("", "here") == Settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[leg]\nvolume = 300\n", "leg.volume"),
        ("[leg]\nbitrate = 'fast'\n[console]\nport = -1\n", "console.port"),
        ("[nonsense]\n", "nonsense: Extra inputs are not permitted"),
        ("[leg]\nvolume = \n", "at line 2"),
        ("[monitoring]\nice_servers = [{urls = 5}]\n", "monitoring.ice_servers.0.urls"),
    ],
)
def test_wrong_settings_name_the_field_or_the_line(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(text, "box.toml")
    assert refused.value.code == "invalid_settings"
    assert words in refused.value.detail
    assert "box.toml" in refused.value.detail


def test_no_secret_is_repeated_in_a_refusal() -> None:
    with pytest.raises(SettingsError) as refused:
        parse("[platform.sandbox]\ntoken = ['hunter2-hunter2']\n", "box.toml")
    assert "hunter2" not in refused.value.detail


def test_a_file_that_cannot_be_text_or_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(file)
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SettingsError, match="larger than"):
        load(file)


def test_last_good_settings_step_in_and_tell_why(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text("[leg]\nvolume = 33\n")
    keep_as_last_good(file)
    file.write_text("[leg]\nvolume = 3333\n")
    settings, fault = load_or_last_good(file)
    assert settings.leg.volume == 33
    assert fault is not None
    assert "leg.volume" in fault.detail
    last_good_of(file).unlink()
    with pytest.raises(SettingsError):
        load_or_last_good(file)


def test_last_good_settings_stay_as_private_as_the_file(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text("")
    file.chmod(0o640)
    keep_as_last_good(file)
    assert last_good_of(file).stat().st_mode & 0o777 == 0o640


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    write_whole(file, b"old")
    assert file.stat().st_mode & 0o777 == 0o600

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, b"new and longer")
    assert file.read_bytes() == b"old"
