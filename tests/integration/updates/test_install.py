"""Updates at the real RAUC, from the file to the other slot."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from appliance.provisioning.bus import ServiceAbsentError
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.updates.errors import UpdateError
from appliance.service.errors import BargeboxError
from tests.integration.updates.bench import Bench, make_bench, pieces_of
from tests.support.rauc_box import RaucBox


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


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ({"signer": "stranger"}, "bundle_untrusted"),
        ({"compatible": "other-box"}, "wrong_compatible"),
    ],
)
async def test_what_is_not_for_this_box_is_refused_and_removed(
    bench: Bench, made: dict[str, str], code: str
) -> None:
    bundle = bench.box.bundle(**made)  # type: ignore[arg-type]
    with pytest.raises(UpdateError) as refused:
        await bench.upload(bundle)
    assert refused.value.code == code
    assert bench.left() == []
    assert (await bench.updates.view()).bundle is None
    (entry,) = bench.notes.entries
    assert (entry.actor, entry.action, entry.detail["code"]) == ("tom", "update_refused", code)
    assert bench.updates.progress.operation == "idle"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: data[:-5000], "bundle_cut_short"),
        (lambda data: data[: len(data) // 2], "bundle_cut_short"),
        (lambda data: data[:5000] + b"\0" * 64 + data[5064:], "bundle_untrusted"),
        (lambda data: b"PK" + data[2:-8] + b"\0" * 8, "not_a_bundle"),
        (lambda data: b"hello", "not_a_bundle"),
    ],
    ids=["end", "half", "changed", "other", "short"],
)
async def test_a_damaged_file_is_told_apart(bench: Bench, damage: object, code: str) -> None:
    data = damage(bench.box.bundle().read_bytes())  # type: ignore[operator]
    with pytest.raises(UpdateError) as refused:
        await bench.updates.upload("tom", "x.raucb", len(data), pieces_of(data))
    assert (refused.value.code, bench.left()) == (code, [])


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


async def test_a_server_that_this_rauc_cannot_read_is_told(bench: Bench) -> None:
    with pytest.raises(BargeboxError) as refused:
        await bench.updates.choose_address("tom", "https://127.0.0.1:9/x.raucb")
    assert refused.value.code in ("no_streaming", "bundle_unreachable")
    assert (await bench.updates.view()).bundle is None


async def test_there_is_no_room(bench: Bench) -> None:
    with pytest.raises(UpdateError) as refused:
        await bench.updates.upload("tom", "x", 10**15, pieces_of(b"x"))
    assert refused.value.code == "no_space"
    assert bench.left() == []


async def test_the_next_start_is_never_changed_in_a_call(bench: Bench) -> None:
    await asyncio.to_thread(bench.box.stand_in_logind)
    bench.notes.in_a_call = True
    await bench.install(bench.box.bundle())  # this may be
    await bench.ended()
    await bench.updates.view()
    for order in (bench.updates.restart("tom"), bench.updates.start_next("tom", "rootfs.0")):
        with pytest.raises(BargeboxError) as refused:
            await order
        assert refused.value.code == "busy"
    assert (bench.box.boot("primary"), bench.box.restarts()) == ("B", [])


async def test_it_restarts_into_the_new_one_once(bench: Bench) -> None:
    await asyncio.to_thread(bench.box.stand_in_logind)
    await bench.install(bench.box.bundle())
    await bench.ended()
    await bench.updates.restart("tom")
    assert bench.notes.closed  # nobody joins what would be cut off
    assert (await bench.restart.view()).restarting == "box"  # all pages tell the same
    for order in (bench.updates.restart("ann"), bench.restart.order("ann", "services")):
        with pytest.raises(NotChangedError) as refused:
            await order
        assert refused.value.code == "busy"
    assert await asyncio.to_thread(bench.box.restarts) == ["Reboot False"]
    entry = bench.notes.entries[-1]
    assert (entry.actor, entry.action) == ("tom", "update_restart")
    assert entry.detail == {"slot": "rootfs.1", "version": "2.0.0"}


async def test_a_box_that_nobody_restarts_lets_calls_be_joined_again(bench: Bench) -> None:
    await bench.install(bench.box.bundle())
    await bench.ended()
    with pytest.raises(ServiceAbsentError, match="login1"):  # there is none
        await bench.updates.restart("tom")
    assert not bench.notes.closed
    assert (await bench.restart.view()).restarting is None


async def test_into_the_new_one_and_back_again(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(UpdateError) as refused:
        await bench.updates.start_next("tom", "rootfs.1")
    assert refused.value.code == "slot_unfit"
    with pytest.raises(UpdateError) as refused:
        await bench.updates.restart("tom")
    assert refused.value.code == "nothing_to_restart"
    await bench.install(bench.box.bundle())
    await bench.ended()
    bench.box.reboot()
    again = make_bench(bench.box, tmp_path)
    await again.updates.start()
    view = await again.updates.view()
    assert (view.version, view.restart_to) == ("2.0.0", "")
    (bench.box.folder / "boot/state.B").write_text("bad\n")  # not yet known to be good
    await again.updates.mark_good()
    assert bench.box.boot("state.B") == "good"
    assert again.notes.actions() == [("bargebox", "update_marked_good")]
    view = await again.updates.start_next("tom", "rootfs.0")
    assert (view.restart_to, bench.box.boot("primary")) == ("A", "A")
    await again.updates.start_next("tom", "rootfs.1")  # thought better of
    assert bench.box.boot("primary") == "B"
    with pytest.raises(UpdateError) as refused:
        await again.updates.start_next("tom", "rootfs.7")
    assert refused.value.code == "slot_unknown"
    await again.updates.stop()
