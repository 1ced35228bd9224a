"""Updates where there is no updater, and the parts that need none."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from appliance.console import update_wording
from appliance.console.errors import STATUS
from appliance.provisioning.bus import BusError, Talk
from appliance.provisioning.updates import folder as folders
from appliance.provisioning.updates.choosing import Chooser
from appliance.provisioning.updates.errors import WORDS, UpdateError, of_rauc
from appliance.provisioning.updates.folder import BundleFolder, Note
from appliance.provisioning.updates.rauc import Now, Rauc
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.shape import fault_of
from appliance.provisioning.updates.sticks import MOST, bundles_on, path_on
from appliance.provisioning.updates.versions import age_of
from appliance.provisioning.updates.views import step_of
from tests.support.console_world import World
from tests.support.provisioning_notes import Notes

HEADERS = {"X-Bargebox": "1"}
CHANGES = [
    ("PUT", "/bundle", {"stick": "usb0/a.raucb"}),
    ("PUT", "/bundle", {"address": "https://updates.example.org/a.raucb"}),
    ("DELETE", "/bundle", None),
    ("POST", "/install", {}),
    ("PUT", "/next", {"slot": "rootfs.1"}),
    ("POST", "/restart", None),
]


async def sign_in(client: httpx.AsyncClient, user: str) -> None:
    body = {"user": user, "password": "correct horse battery"}
    assert (await client.post("/api/v1/session", json=body)).status_code == 201


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_without_an_updater_nothing_changes(
    client: httpx.AsyncClient, world: World, method: str, path: str, body: Any
) -> None:
    await sign_in(client, "tom")
    view = (await client.get("/api/v1/updates")).json()
    assert (view["managed"], view["slots"]) == (False, [])
    assert "RAUC" in view["detail"]
    rows = len(world.audit.rows)
    answer = await client.request(method, f"/api/v1/updates{path}", json=body, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_absent")
    assert len(world.audit.rows) == rows


async def test_without_an_updater_a_file_is_not_even_read(client: httpx.AsyncClient) -> None:
    await sign_in(client, "tom")
    read = []

    async def pieces() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x" * 100_000

    headers = HEADERS | {"Content-Length": "100000"}
    answer = await client.post("/api/v1/updates/bundle", content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_absent")
    assert read == []


@pytest.mark.parametrize(
    ("method", "path", "body", "name"),
    [
        ("PUT", "/bundle", {}, "body"),
        ("PUT", "/bundle", {"stick": "a", "address": "https://a/b"}, "body"),
        ("PUT", "/bundle", {"stick": ""}, "stick"),
        ("PUT", "/next", {}, "slot"),
        ("POST", "/install", {"older": "perhaps"}, "older"),
        ("POST", "/install", {"force": True}, "force"),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, method: str, path: str, body: Any, name: str
) -> None:
    await sign_in(client, "tom")
    answer = await client.request(method, f"/api/v1/updates{path}", json=body, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert name in answer.json()["fields"] or name == "body"


@pytest.mark.parametrize(
    ("version", "running", "age"),
    [
        ("2.0.0", "1.9.9", "newer"),
        ("1.10.0", "1.9.0", "newer"),
        ("1.2", "1.2.0", "same"),
        ("v1.2.0", "1.2.0", "same"),
        ("1.2.0", "1.2.0+build7", "same"),
        ("1.2.0-rc.1", "1.2.0", "older"),
        ("1.2.0", "1.2.0-rc.1", "newer"),
        ("1.2.0-rc.10", "1.2.0-rc.9", "newer"),
        ("1.2.0-rc", "1.2.0-9", "newer"),
        ("1.2.0-rc.1", "1.2.0-rc", "newer"),
        ("2026.11.29", "2026.9.1", "newer"),
        ("0.9", "1.0.0", "older"),
        ("nightly", "nightly", "same"),
        ("nightly", "1.0.0", "unknown"),
        ("1.0.0", "", "unknown"),
        ("", "", "unknown"),
        ("9" * 65, "1.0.0", "unknown"),
        ("1.0.0\n", "1.0.0-x y", "unknown"),
    ],
)
def test_which_is_newer(version: str, running: str, age: str) -> None:
    assert age_of(version, running) == age


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Installation error: Compatible mismatch: Expected 'a' but bundle has 'b'", ""),
        ("signature verification failed: self-signed certificate", "bundle_untrusted"),
        ("Failed updating slot rootfs.1: No space left on device", "slot_unwritable"),
        ("Bundle format 'plain' not supported in streaming mode", "update_refused"),
        ("Remote URI given, but streaming support is off", "no_streaming"),
        ("nbd: request failed", "bundle_unreachable"),
        ("Invalid identifier. Did you pass a valid RAUC bundle?", "not_a_bundle"),
        ("Handler error: <b>x</b>", "update_refused"),
        ("", "update_refused"),
    ],
)
def test_rauc_s_words_for_people(words: str, code: str) -> None:
    error = of_rauc(words)
    assert error.code == (code or "update_refused")
    assert error.detail.endswith(".")
    mismatch = of_rauc("Compatible mismatch", found="b", own="a")
    assert (mismatch.code, "(b)" in mismatch.detail) == ("wrong_compatible", True)


def test_each_code_has_a_status_that_says_whose_fault_it_is() -> None:
    refused_now = {"update_busy", "installing", "no_bundle", "older_version"}
    refused_now |= {"nothing_to_restart", "slot_unfit"}
    told_at_a_field = {"address_not_https", "address_with_name"}
    told_later = {"update_interrupted"}
    assert set(WORDS) - refused_now - told_at_a_field - told_later <= set(STATUS)
    assert not refused_now & set(STATUS)
    assert update_wording.said("Something from outside.") == "Something from outside."


@pytest.mark.parametrize(
    ("words", "percent", "step"),
    [
        ("Installing", 0, "checking"),
        ("Determining slot states done.", 20, "checking"),
        ("Updating slots", 80, "writing"),
        ("Checking slot rootfs.1", 80, "writing"),
        ("Copying image to rootfs.1", 97, "writing"),
        ("Installing done.", 100, "finishing"),
        ("", 0, "checking"),
    ],
)
def test_rauc_s_progress_in_three_steps(words: str, percent: int, step: str) -> None:
    now = Now(operation="installing").changed({"Progress": [percent, words, 1]})
    assert (now.percent, step_of(now)) == (percent, step)


def test_progress_of_before_is_not_that_of_what_begins() -> None:
    before = Now().changed({"Progress": [100, "Checking manifest contents done.", 1]})
    now = before.changed({"Operation": "installing"})
    assert (now.percent, now.words) == (0, "")
    assert now.changed({"Progress": [500, "x", 1]}).percent == 100


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


class Says:
    """A connection to a bus where RAUC answers everything with the same."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def call(self, *_: object, **__: object) -> Any:
        return self.answer

    async def properties(self, _: object) -> Any:
        return self.answer


@pytest.mark.parametrize("answer", [[], [7], ["x", "y", "z"], [[("x", 5)]]])
async def test_an_answer_of_another_shape_is_a_fault_of_the_updater(answer: Any) -> None:
    rauc = Rauc(cast("Talk", Says(answer)))
    for ask in (rauc.slots, lambda: rauc.inspect("x", {}), lambda: rauc.mark("good", "booted")):
        with pytest.raises(BusError, match="does not understand"):
            await ask()


async def test_what_rauc_does_in_another_shape_is_not_known() -> None:
    for answer in ({"Progress": 5}, {"Progress": ["many", "words", 1]}, [7]):
        with pytest.raises(BusError, match="does not understand"):
            await Rauc(cast("Talk", Says(answer))).now()


async def test_the_box_is_not_restarted_while_an_update_is_written(
    client: httpx.AsyncClient, world: World
) -> None:
    await sign_in(client, "tom")
    world.system.updates._follower.now = Now(operation="installing")
    codes = []
    for what in ("box", "services"):
        answer = await client.post("/api/v1/device/restart", json={"what": what}, headers=HEADERS)
        codes.append(answer.json()["code"])
    assert codes == ["installing", "service_absent"]  # these touch no slot; here is none of them


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
