"""A factory reset: ordered by who may, carried out whole whatever happens, and nothing is left."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import httpx
import pytest

from appliance.cli import main
from appliance.demo.box import to_toml
from appliance.provisioning.box.shipped import Shipped, ShippedFile
from appliance.provisioning.reset import carrying_out, marker
from appliance.provisioning.reset.carrying_out import finish_reset
from appliance.provisioning.reset.made import GOES, MARKER, STAYS
from appliance.provisioning.reset.marker import Marker, Ordered
from appliance.service.errors import BargeboxError
from appliance.settings import BoxSettings
from tests.support import reset_cuts
from tests.support.console_memory import PASSWORD
from tests.support.console_world import World
from tests.support.cuts import cuts_of
from tests.support.reset_cuts import USED, left, used

ADMIN = {"Authorization": "Bearer token-admin"}
TOM = {"Authorization": "Bearer token-tom"}
RESET = "/api/v1/device/factory-reset"


@pytest.fixture
def world(world: World, tmp_path: Path) -> World:
    world.system.names.now = "desk-7"
    world.reset._marker = Marker(tmp_path)
    return world


def test_a_power_cut_at_any_step_leaves_the_old_box_or_a_fresh_one(tmp_path: Path) -> None:
    cuts = cuts_of(reset_cuts, tmp_path)
    old = sorted(USED)
    kinds = {"of order": 0, "old": 0, "fresh": 0}
    for cut in cuts:
        drafts = {name for name in cut["cut"] if name.endswith(".new")}
        found = [name for name in cut["cut"] if name not in drafts]
        if MARKER in found:  # whatever is left: no start goes on with it
            kinds["fresh"] += 1
            assert cut["next"] == []
        elif cut["of"] == "order":
            kinds["old"] += 1
            assert found == old
            assert set(cut["next"]) - drafts == set(old)
        else:
            assert found == cut["next"] == []
    assert kinds["old"] >= 2
    assert kinds["fresh"] > len(USED)
    steps = {cut["step"] for cut in cuts if cut["of"] == "carry out"}
    assert {"os.remove", ""} <= steps


def test_what_is_ordered_is_of_the_box_s_own_files_only(tmp_path: Path) -> None:
    (tmp_path / "somebody's.txt").write_text("kept")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/own.pem").write_text("kept")
    used(tmp_path)
    (tmp_path / "tls/own.pem").unlink()
    (tmp_path / "tls/own.pem").symlink_to(tmp_path / "elsewhere/own.pem")
    Marker(tmp_path).write(Ordered())
    asyncio.run(finish_reset(tmp_path, tmp_path / "time-servers", ""))
    assert left(tmp_path) == ["elsewhere/own.pem", "somebody's.txt"]


def test_every_file_that_the_settings_name_is_decided_about() -> None:
    """A file that somebody adds fails here until it is in one of the two lists."""
    box = BoxSettings()
    names = [name for name, one in vars(BoxSettings).items() if isinstance(one, property)]
    paths = [getattr(box, name) for name in names]
    below = [path for path in paths if path.is_relative_to(box.state_dir)]
    assert len(below) >= 5
    for path in below:
        decided = any(path.relative_to(box.state_dir).match(one) for one in (*GOES, *STAYS))
        assert decided or path.name == MARKER, path


def test_a_damaged_order_is_one_and_a_disk_that_refuses_lets_nothing_begin(tmp_path: Path) -> None:
    used(tmp_path)
    (tmp_path / MARKER).write_text("{")
    assert Marker(tmp_path).read() == Ordered()
    (tmp_path / MARKER).unlink()
    (tmp_path / MARKER).mkdir()
    with pytest.raises(BargeboxError, match="cannot be done"):
        asyncio.run(finish_reset(tmp_path, tmp_path / "time-servers", ""))
    assert left(tmp_path) == sorted(USED)


def test_an_order_that_was_refused_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(marker, "settle", fails)
    with pytest.raises(BargeboxError, match="cannot be done"):
        Marker(tmp_path).write(Ordered(seq=7))
    assert Marker(tmp_path).read() is None


def test_what_lies_elsewhere_is_gone_for_good_before_the_order_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, etc = tmp_path / "state", tmp_path / "etc"
    used(state)
    etc.mkdir()
    (etc / "chosen.json").write_text("{}")
    settled: list[tuple[Path, bool, bool]] = []

    def settles(folder: Path) -> None:
        there = (etc / "chosen.json").exists(), (state / MARKER).exists()
        settled.append((folder, *there))

    Marker(state).write(Ordered())
    for module in (carrying_out, marker):
        monkeypatch.setattr(module, "settle", settles)
    also = [etc / "chosen.json", etc / "chosen.json.last-good"]
    asyncio.run(finish_reset(state, state / "time-servers", "", also=also))
    assert settled == [(etc, False, True), (state, False, True), (state, False, False)]


def test_what_the_box_was_is_kept_once(tmp_path: Path) -> None:
    file = ShippedFile(tmp_path / "shipped.json")
    assert file.read() == Shipped()
    file.keep_first({"name": "bargebox", "description": ""})
    file.keep_first({"name": "desk-7", "description": "Ada's"})
    file.keep_first({"time_zone": "Etc/UTC", "ntp": True})
    assert file.read() == Shipped(name="bargebox", description="", time_zone="Etc/UTC", ntp=True)
    (tmp_path / "shipped.json").write_text("nonsense")
    assert file.read() == Shipped()


async def test_it_takes_name_and_password(
    world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    told = (await client.get(RESET, headers=ADMIN)).json()
    assert told["name"] == "desk-7"
    for body, status, wrong in (
        ({"name": "desk-8", "password": PASSWORD}, 422, "name"),
        ({"name": "", "password": PASSWORD}, 422, "name"),
        ({"name": "desk-7", "password": "another one"}, 403, "password"),
        ({"name": "desk-7"}, 403, "password"),
    ):
        answer = await client.post(RESET, headers=ADMIN, json=body)
        assert (answer.status_code, list(answer.json()["fields"])) == (status, [wrong]), body
    assert (world.renewed, world.monitoring.closed) == (0, False)
    assert left(tmp_path) == []
    body = {"name": "Desk-7 ", "password": PASSWORD}
    answer = await client.post(RESET, headers=ADMIN, json=body)
    assert answer.status_code == 202
    head = answer.json()["head"]
    told_again = (await world.audit.head()).told()
    assert (head["seq"], head["hash"]) == (told_again["seq"], told_again["hash"])
    assert (world.renewed, world.monitoring.closed) == (1, True)
    kept = await asyncio.to_thread(Marker(tmp_path).read)
    assert kept == Ordered(seq=int(head["seq"]), hash=str(head["hash"]))
    assert (world.audit.rows[-1].actor, world.audit.rows[-1].action) == ("admin", "factory_reset")
    again = await client.post(RESET, headers=ADMIN, json=body)
    assert (again.status_code, again.json()["code"]) == (409, "busy")


async def test_guessing_the_password_is_braked(world: World, client: httpx.AsyncClient) -> None:
    body = {"name": "desk-7", "password": "a guess"}
    answers = [await client.post(RESET, headers=ADMIN, json=body) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [*[403] * 5, 429]


async def test_one_permission_is_not_enough(world: World, client: httpx.AsyncClient) -> None:
    body = {"name": "desk-7", "password": PASSWORD}
    answer = await client.post(RESET, headers=TOM, json=body)
    assert answer.status_code == 403
    assert "MANAGE_DEVICE and MANAGE_ACCOUNTS" in answer.json()["detail"]
    page = await client.get("/settings/maintenance", headers={**TOM, "Accept": "text/html"})
    assert page.status_code == 200
    assert 'id="reset"' not in page.text


async def test_never_in_a_call(world: World, client: httpx.AsyncClient, tmp_path: Path) -> None:
    sam = {"Authorization": "Bearer token-sam"}
    await client.post("/api/v1/interactions/call-00001/monitor", headers=sam)
    body = {"name": "desk-7", "password": PASSWORD}
    answer = await client.post(RESET, headers=ADMIN, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "busy")
    assert "sam" in answer.json()["detail"]
    order = {"what": "box"}
    answer = await client.post("/api/v1/device/restart", headers=TOM, json=order)
    assert (answer.status_code, answer.json()["code"]) == (409, "busy")
    assert left(tmp_path) == []


async def test_a_disk_that_refuses_the_order_changes_nothing(
    world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    world.reset._marker = Marker(tmp_path / "none")
    body = {"name": "desk-7", "password": PASSWORD}
    answer = await client.post(RESET, headers=ADMIN, json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "state")
    assert (world.renewed, world.monitoring.closed) == (0, False)


def test_the_command_orders_it_where_control_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    used(state)
    file = tmp_path / "bargebox.toml"
    file.write_text(to_toml({"box": {"state_dir": str(state), "run_dir": str(tmp_path)}}))
    with pytest.raises(SystemExit) as left_with:
        main(["factory-reset", "--settings", str(file)])
    assert left_with.value.code == 2
    assert Marker(state).read() is None
    assert main(["factory-reset", "--yes", "--settings", str(file)]) == 0
    assert "next start" in capsys.readouterr().out
    assert Marker(state).read() == Ordered()
    assert os.stat(state / MARKER).st_mode & 0o777 == 0o600


def test_the_command_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bargebox.toml"
    file.write_text(to_toml({"box": {"state_dir": str(tmp_path / "no"), "run_dir": "/nowhere"}}))
    assert main(["factory-reset", "--yes", "--settings", str(file)]) == 1
    assert "sudo" in capsys.readouterr().err
