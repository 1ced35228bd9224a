"""The files of updates: found on sticks, looked at, and kept in the box's folder."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.provisioning.updates import folder as folders
from appliance.provisioning.updates.choosing import Chooser
from appliance.provisioning.updates.errors import UpdateError
from appliance.provisioning.updates.folder import BundleFolder, Note
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.shape import fault_of
from appliance.provisioning.updates.sticks import MOST, bundles_on, path_on
from tests.support.provisioning_notes import Notes


def test_sticks_are_looked_for_where_they_are_mounted() -> None:
    rules = Path(__file__).parents[2] / "systemd/udev/70-bargebox.rules"
    assert f"{UpdateSettings().sticks}/%k" in rules.read_text()


def test_sticks_are_looked_at_two_folders_deep(tmp_path: Path) -> None:
    assert bundles_on(tmp_path / "nowhere") == []
    for name in ("a.raucb", "usb0/b.raucb", "usb0/new/c.raucb", "usb0/new/deep/d.raucb",
                 "usb0/.trash/e.raucb", "usb0/f.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 7)
    (tmp_path / "usb0/link.raucb").symlink_to("/etc/passwd")
    (tmp_path / "usb0/folder.raucb").mkdir()
    for odd in (b"usb0/\xfc.raucb", b"usb0/two\nlines.raucb"):
        (tmp_path / os.fsdecode(odd)).write_bytes(b"")
    names = ["a.raucb", "usb0/b.raucb", "usb0/new/c.raucb"]
    assert [(one.name, one.size) for one in bundles_on(tmp_path)] == [(name, 7) for name in names]
    assert path_on(tmp_path, "usb0/b.raucb") == tmp_path / "usb0/b.raucb"
    for name in ("usb0/link.raucb", "usb0/../a.raucb", "/etc/passwd", ""):
        assert path_on(tmp_path, name) is None
    for n in range(MOST + 5):
        (tmp_path / f"usb0/{n:03}.raucb").write_bytes(b"")
    assert len(bundles_on(tmp_path)) == MOST


def bundle(content: int = 4096, signature: int = 800, used: int | None = None) -> bytes:
    """The shape of one."""
    head = b"hsqs" + b"\0" * 36 + (content if used is None else used).to_bytes(8, "little")
    signed = b"\x30" + b"s" * (signature - 1)
    return head.ljust(content, b"\0") + signed + signature.to_bytes(8, "big")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bundle(), ""),
        (b"luks" + bundle()[4:], ""),
        (bundle()[:-1], "bundle_cut_short"),
        (bundle(used=9000), "bundle_cut_short"),
        (b"PK\3\4" + b"\0" * 9000, "not_a_bundle"),
        (b"", "not_a_bundle"),
        (bundle()[:60], "not_a_bundle"),
        (bundle(signature=70_000), "bundle_cut_short"),
    ],
)
def test_the_shape_of_a_file(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "x").write_bytes(data)
    assert fault_of(tmp_path / "x") == code
    assert fault_of(tmp_path / "gone") == "stick_gone"


async def pieces_of(*pieces: bytes | BaseException) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, BaseException):
            raise piece
        yield piece


async def test_a_file_is_kept_whole_and_for_nobody_else(tmp_path: Path) -> None:
    kept = BundleFolder(tmp_path / "cache")
    parts = [os.urandom(700_000) for _ in range(5)]
    await kept.keep(3_500_000, pieces_of(*parts))
    assert kept.bundle.read_bytes() == b"".join(parts)
    assert kept.bundle.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    await kept.keep(1, pieces_of(b"y"))
    assert kept.bundle.read_bytes() == b"y"
    await asyncio.to_thread(kept.drop)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ((b"x" * 10,), UpdateError),
        ((b"x" * 30,), UpdateError),
        ((b"x" * 10, EOFError()), EOFError),
    ],
)
async def test_of_a_file_that_is_cut_nothing_is_left(
    tmp_path: Path, pieces: tuple[Any, ...], error: type[Exception]
) -> None:
    kept = BundleFolder(tmp_path)
    with pytest.raises(error):
        await kept.keep(20, pieces_of(*pieces))
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_fills_up_or_fails_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = BundleFolder(tmp_path)
    for number, code in ((errno.ENOSPC, "no_space"), (errno.EIO, "not_kept")):

        def fails(*_: object, number: int = number) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(folders, "_write", fails)
        with pytest.raises(UpdateError) as refused:
            await kept.keep(20, pieces_of(b"x" * 20))
        assert refused.value.code == code
        assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UpdateError) as refused:
        await BundleFolder(tmp_path / "file").keep(20, pieces_of(b"x" * 20))
    assert refused.value.code == "not_kept"


async def test_an_upload_that_is_given_up_never_writes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread cannot be stopped, and numbers of files are used again."""
    begun, goes_on, over = threading.Event(), threading.Event(), threading.Event()
    real = folders._write

    def slow(descriptor: int, data: bytes, sync: bool) -> None:
        begun.set()
        assert goes_on.wait(10)
        real(descriptor, data, sync)
        over.set()

    monkeypatch.setattr(folders, "_write", slow)
    upload = asyncio.create_task(BundleFolder(tmp_path).keep(3, pieces_of(b"xyz")))
    await asyncio.to_thread(begun.wait, 10)
    upload.cancel()
    await asyncio.sleep(0.05)
    others = [(tmp_path / f"other{n}").open("wb") for n in range(3)]
    goes_on.set()
    await asyncio.wait([upload], timeout=10)
    assert await asyncio.to_thread(over.wait, 10)
    for other in others:
        other.close()
    assert upload.cancelled()
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == {
        "other0": 0,
        "other1": 0,
        "other2": 0,
    }


async def test_a_key_in_an_address_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    settings = UpdateSettings(folder=tmp_path, sticks=tmp_path)
    chooser = Chooser(BundleFolder(tmp_path), settings, Notes(), str)
    for address, shown in (
        ("https://a.example/x.raucb?X-Signature=k3y#top", "https://a.example/x.raucb?…"),
        ("https://a.example/x.raucb#k3y", "https://a.example/x.raucb"),
        ("https://a.example/x.raucb", "https://a.example/x.raucb"),
    ):
        chosen = await chooser.on_server(address)
        assert (chosen.source, chosen.view.name) == (address, shown)


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    kept = BundleFolder(tmp_path)
    assert kept.read_note() is None
    kept.write_note(Note(by="tom", version="2.0.0"))
    assert kept.read_note() == Note(by="tom", version="2.0.0")
    (tmp_path / "installing.json").write_bytes(b'{"by": ')
    assert kept.read_note() is None
