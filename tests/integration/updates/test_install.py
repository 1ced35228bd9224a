"""Updates at the real RAUC, from the file to the other slot."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.provisioning.updates.errors import UpdateError
from tests.integration.updates.bench import Bench


async def test_an_update_goes_into_the_other_slot_and_is_told_step_by_step(bench: Bench) -> None:
    box = bench.box
    view = await bench.updates.view()
    assert (view.managed, view.compatible, view.restart_to) == (True, "bargebox-test", "")
    assert [(slot.name, slot.booted, slot.next) for slot in view.slots] == [
        ("rootfs.0", True, True),
        ("rootfs.1", False, False),
    ]
    running = box.slot(0)
    view = await bench.upload(box.bundle("2.0.0"), "C:\\Users\\tom\\new.raucb")
    assert view.bundle is not None
    assert (view.bundle.name, view.bundle.version, view.bundle.age) == (
        "new.raucb",
        "2.0.0",
        "newer",
    )
    await bench.updates.install("tom", older=False)
    end = await bench.ended()
    assert end.outcome is not None
    assert (end.outcome.installed, end.outcome.version) == (True, "2.0.0")
    assert box.slot(1).startswith(b"2.0.0\n")
    assert box.slot(0) == running
    assert box.boot("primary") == "B"

    going = [one for one in bench.told if one.operation == "installing"]
    assert going[0].step == "checking"
    assert {"checking", "writing", "finishing"} == {one.step for one in going}
    assert all(a.percent <= b.percent for a, b in pairwise(going))
    assert {one.version for one in going} == {"2.0.0"}
    view = await bench.updates.view()
    assert (view.restart_to, view.bundle) == ("2.0.0", None)
    assert bench.left() == []
    assert bench.notes.actions() == [
        ("tom", "update_chosen"),
        ("tom", "update_begun"),
        ("bargebox", "update_installed"),
    ]


async def test_an_older_one_needs_a_yes_and_is_on_record(bench: Bench) -> None:
    view = await bench.upload(bench.box.bundle("0.0.1"))
    assert view.bundle is not None
    assert view.bundle.age == "older"
    with pytest.raises(UpdateError) as refused:
        await bench.updates.install("tom", older=False)
    assert refused.value.code == "older_version"
    assert (await bench.updates.view()).bundle is not None  # it is still chosen
    await bench.updates.install("tom", older=True)
    assert (await bench.ended()).outcome is not None
    begun = next(entry for entry in bench.notes.entries if entry.action == "update_begun")
    assert begun.detail["age"] == "older"


async def test_a_failure_leaves_the_box_as_it_was(bench: Bench) -> None:
    bench.box.fail()
    await bench.install(bench.box.bundle())
    outcome = (await bench.ended()).outcome
    assert outcome is not None
    assert (outcome.installed, outcome.code) == (False, "update_refused")
    assert "Traceback" not in outcome.words
    assert (bench.box.boot("primary"), bench.left()) == ("A", [])
    assert bench.notes.actions()[-1] == ("bargebox", "update_failed")
    (bench.box.folder / "fail").unlink()
    await bench.install(bench.box.bundle())  # nothing stands in the way of the next
    await bench.until(lambda progress: progress.outcome and progress.outcome.installed)


async def test_one_at_a_time(bench: Bench) -> None:
    bench.box.hold()
    await bench.install(bench.box.bundle())
    await bench.until(lambda progress: progress.percent > 0)
    for order in (
        bench.upload(bench.box.bundle("3.0.0")),
        bench.updates.install("tom", older=False),
        bench.updates.restart("tom"),
        bench.updates.start_next("tom", "rootfs.1"),
        bench.updates.forget("tom"),
    ):
        with pytest.raises(UpdateError) as refused:
            await order
        assert refused.value.code == "installing"
    view = await bench.updates.view()  # RAUC tells little meanwhile; the slots are still shown
    assert (len(view.slots), view.progress.operation) == (2, "installing")
    bench.box.let_go()
    assert (await bench.ended()).outcome is not None


async def test_two_uploads_at_once(bench: Bench) -> None:
    data = bench.box.bundle().read_bytes()
    goes_on = asyncio.Event()

    async def slow() -> object:
        async def pieces() -> object:
            yield data[:1000]
            await goes_on.wait()
            yield data[1000:]

        return await bench.updates.upload("tom", "a.raucb", len(data), pieces())  # type: ignore[arg-type]

    first = asyncio.create_task(slow())
    await bench.until(lambda progress: progress.operation == "uploading")
    with pytest.raises(UpdateError) as refused:
        await bench.upload(bench.box.bundle("3.0.0"))
    assert refused.value.code == "update_busy"
    goes_on.set()
    await first
    view = await bench.updates.view()
    assert view.bundle is not None
    assert view.bundle.version == "2.0.0"


async def test_a_stick_s_bundle_is_installed_from_there(bench: Bench, tmp_path: Path) -> None:
    stick = tmp_path / "sticks/usb0"
    stick.mkdir(parents=True)
    bundle = bench.box.bundle()
    (stick / "box.raucb").write_bytes(bundle.read_bytes())
    (stick / "photo.jpg").write_bytes(b"x")
    view = await bench.updates.view()
    assert [one.name for one in view.sticks] == ["usb0/box.raucb"]
    for name in ("../secret.raucb", "usb0/photo.jpg", "usb0"):
        with pytest.raises(UpdateError) as refused:
            await bench.updates.choose_stick("tom", name)
        assert refused.value.code == "stick_gone"
    view = await bench.updates.choose_stick("tom", "usb0/box.raucb")
    assert view.bundle is not None
    assert (view.bundle.source, view.bundle.version) == ("stick", "2.0.0")
    await bench.updates.install("tom", older=False)
    outcome = (await bench.ended()).outcome
    assert outcome is not None
    assert outcome.installed
    assert (stick / "box.raucb").exists()  # it is somebody's
