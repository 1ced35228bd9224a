"""Reading what is kept: old files, damaged ones, and ones that are far too large."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from appliance.provisioning.logs.settings import MAX_BYTES as MOST_OF_LOGS
from appliance.provisioning.logs.settings import LogForwardingFile, LogForwardingFileError
from appliance.provisioning.openid.file import MAX_BYTES, OpenIdFile, OpenIdFileError
from appliance.service.errors import BargeboxError
from appliance.service.kept import DamagedError, KeptError, read_kept

MOST = 64


class Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secret: SecretStr = SecretStr("")
    count: int = 0


def test_what_is_kept_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    assert read_kept(file, Kept, MOST) is None
    file.write_text('{"count": 7}'.ljust(MOST))
    assert read_kept(file, Kept, MOST) == Kept(count=7)
    file.write_text('{"count": 7}'.ljust(MOST + 1))
    with pytest.raises(DamagedError, match=r"^is larger than 64 bytes$"):
        read_kept(file, Kept, MOST)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"secret": ["hunter2"], "count": 1}', r"^is not right\. secret: This must be text$"),
        (b'{"hunter": 2}', r"^is not right\. hunter: There is no such setting$"),
        (b'{"secret": "hunter2"', r"^is not right\. all: Invalid JSON"),
        (b"\xff\xfe", r"^is not right\. all: "),
        (b"", r"^is not right\. all: "),
    ],
)
def test_a_damaged_one_is_told_without_what_is_in_it(
    tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "kept.json"
    file.write_bytes(content)
    with pytest.raises(DamagedError, match=words) as told:
        read_kept(file, Kept, MOST)
    assert "hunter2" not in str(told.value)


def test_one_that_cannot_be_read_is_not_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(KeptError, match=r"^cannot be read: Is a directory$") as told:
        read_kept(tmp_path, Kept, MOST)
    assert not isinstance(told.value, DamagedError)


@pytest.mark.parametrize(
    ("kind", "fault", "most"),
    [
        (OpenIdFile, OpenIdFileError, MAX_BYTES),
        (LogForwardingFile, LogForwardingFileError, MOST_OF_LOGS),
    ],
)
def test_the_settings_of_what_is_away_have_a_bound_too(
    tmp_path: Path,
    kind: type[OpenIdFile | LogForwardingFile],
    fault: type[BargeboxError],
    most: int,
) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"{}".ljust(most))
    kind(path).read()
    path.write_bytes(b"{}".ljust(most + 1))
    with pytest.raises(fault, match=rf"is larger than {most} bytes\. Save it again"):
        kind(path).read()
