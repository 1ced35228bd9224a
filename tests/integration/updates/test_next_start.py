"""What the box starts next after an update, and its restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.provisioning.bus import ServiceAbsentError
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.updates.errors import UpdateError
from appliance.service.errors import BargeboxError
from tests.integration.updates.bench import Bench, make_bench


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
