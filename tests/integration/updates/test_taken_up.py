"""Updates that RAUC or control died of, or that somebody else began: how they end is known."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from appliance.provisioning.bus import ServiceAbsentError
from tests.integration.updates.bench import Bench, make_bench
from tests.support.rauc_box import RaucBox


async def test_rauc_dies_in_the_middle(bench: Bench) -> None:
    bench.box.hold()
    await bench.install(bench.box.bundle())
    await bench.until(lambda progress: progress.percent > 0)
    bench.box.kill_rauc()
    outcome = (await bench.ended()).outcome
    assert outcome is not None
    assert (outcome.installed, outcome.code) == (False, "update_interrupted")
    view = await bench.updates.view()
    assert not view.managed
    assert "RAUC" in view.detail
    with pytest.raises(ServiceAbsentError, match="RAUC"):
        await bench.upload(bench.box.bundle())
    bench.box.start_rauc()
    async with asyncio.timeout(10):
        while not (await bench.updates.view()).managed:
            await asyncio.sleep(0.05)
    await bench.install(bench.box.bundle())
    await bench.until(lambda progress: progress.outcome and progress.outcome.installed)


async def test_control_that_starts_anew_takes_the_progress_up(bench: Bench, tmp_path: Path) -> None:
    bench.box.hold()
    await bench.install(bench.box.bundle())
    await bench.until(lambda progress: progress.percent > 0)
    await bench.updates.stop()
    again = make_bench(bench.box, tmp_path)
    await again.updates.start()
    progress = await again.until(lambda progress: progress.percent > 0)
    assert (progress.operation, progress.version) == ("installing", "2.0.0")
    bench.box.let_go()
    outcome = (await again.ended()).outcome
    assert outcome is not None
    assert (outcome.installed, outcome.version) == (True, "2.0.0")
    assert (again.notes.actions(), again.left()) == ([("bargebox", "update_installed")], [])
    await again.updates.stop()


@pytest.mark.parametrize("well", [True, False])
async def test_what_ended_while_control_was_away_is_known(
    bench: Bench, tmp_path: Path, well: bool
) -> None:
    bench.box.hold()
    await bench.install(bench.box.bundle())
    await bench.until(lambda progress: progress.percent > 0)
    await bench.updates.stop()
    if well:
        bench.box.let_go()
        async with asyncio.timeout(20):
            while bench.box.boot("primary") != "B":
                await asyncio.sleep(0.05)
    else:
        bench.box.kill_rauc()
        bench.box.start_rauc()
    again = make_bench(bench.box, tmp_path)
    await again.updates.start()
    outcome = (await again.ended()).outcome
    assert outcome is not None
    assert (outcome.installed, outcome.version) == (well, "2.0.0")
    assert again.left() == []
    await again.updates.stop()


async def test_a_box_that_already_runs_what_it_installed_knows_so(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.install(bench.box.bundle())
    note = (bench.folder / "installing.json").read_bytes()
    await bench.ended()
    await bench.updates.stop()
    (bench.folder / "installing.json").write_bytes(note)  # the power went before it was removed
    bench.box.reboot()
    again = make_bench(bench.box, tmp_path)
    await again.updates.start()
    outcome = (await again.ended()).outcome
    assert outcome is not None
    assert outcome.installed
    await again.updates.stop()


async def test_what_somebody_installs_at_a_terminal_is_told_too(bench: Bench) -> None:
    bundle = bench.box.bundle()
    bench.box.hold()
    bus = await MessageBus(bench.box.address).connect()
    rauc = "de.pengutronix.rauc"
    order = Message(rauc, "/", f"{rauc}.Installer", "Install", signature="s", body=[str(bundle)])
    await bus.call(order)
    progress = await bench.until(lambda progress: progress.operation == "installing")
    assert progress.version == ""
    bench.box.let_go()
    outcome = (await bench.ended()).outcome
    assert outcome is not None
    assert outcome.installed
    assert bench.notes.actions() == [("bargebox", "update_installed")]
    assert bundle.exists()
    bus.disconnect()


async def test_nobody_but_rauc_is_believed(bench: Bench) -> None:
    """Straight to control, as any process on the bus may."""
    bench.box.hold()
    await bench.install(bench.box.bundle())
    await bench.until(lambda progress: progress.percent > 0)
    await bench.until(lambda progress: progress.percent == 80)
    before = bench.updates.progress
    bus = await MessageBus(bench.box.address).connect()
    name = "org.freedesktop.DBus"
    answer = await bus.call(Message(name, "/org/freedesktop/DBus", name, "ListNames"))
    assert answer is not None
    forged = Variant("(isi)", [100, "forged", 1])
    for owner in answer.body[0]:
        if owner.startswith(":"):
            signal = Message(
                owner, "/", "org.freedesktop.DBus.Properties", "PropertiesChanged",
                MessageType.SIGNAL, signature="sa{sv}as",
                body=["de.pengutronix.rauc.Installer", {"Progress": forged}, []],
            )  # fmt: skip
            await bus.send(signal)
            ended = Message(owner, "/", "de.pengutronix.rauc.Installer", "Completed",
                            MessageType.SIGNAL, signature="i", body=[0])  # fmt: skip
            await bus.send(ended)
    await asyncio.sleep(0.3)
    assert bench.updates.progress == before
    bench.box.let_go()
    await bench.ended()
    assert "forged" not in {one.words for one in bench.told}
    bus.disconnect()


async def test_what_was_left_of_an_upload_goes_at_the_start(box: RaucBox, tmp_path: Path) -> None:
    bench = make_bench(box, tmp_path)
    bench.folder.mkdir()
    for name in ("upload.raucb", "upload.part"):
        (bench.folder / name).write_bytes(b"x")
    await bench.updates.start()
    assert bench.left() == []
    await bench.updates.stop()
