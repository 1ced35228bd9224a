"""The curve of a session: bounded, true to its worst and loudest, kept over a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_link.events import Levels, Quality
from appliance.monitoring import session as session_module
from appliance.monitoring.curve import MAX_POINTS, Curve, Point
from appliance.monitoring.session_machine import State
from tests.support.monitoring_world import Life, World, world
from tests.support.waiting import eventually

heard = st.builds(
    Point,
    mos=st.none() | st.floats(1, 4.5),
    call=st.none() | st.floats(-100, 0),
    microphone=st.none() | st.floats(-100, 0),
)
told = st.lists(st.tuples(st.floats(0, 20_000), heard), max_size=60)


def put_at_once(events: list[tuple[float, Point]], step_s: int) -> list[Point]:
    """What a curve would be that had known its step from the beginning."""
    last = max(int(at // step_s) for at, _ in events)
    points = [Point()] * (last + 1)
    for at, point in events:
        index = int(at // step_s)
        points[index] = points[index].joined(point)
    return points


@given(told)
def test_a_curve_that_was_halved_is_as_if_it_had_been_coarse_from_the_beginning(
    events: list[tuple[float, Point]],
) -> None:
    curve = Curve()
    for at, point in events:
        curve.take(at, point)
    assert len(curve.points) <= MAX_POINTS
    if events:
        assert curve.points == put_at_once(events, curve.step_s)
        assert curve.step_s == 1 or max(at for at, _ in events) >= MAX_POINTS * curve.step_s / 2


@given(st.lists(heard, max_size=MAX_POINTS), st.sampled_from([1, 2, 64]))
def test_a_curve_is_kept_to_half_a_decibel(points: list[Point], step_s: int) -> None:
    curve = Curve(step_s, points)
    kept = curve.to_bytes()
    assert len(kept) == 3 * len(points)
    again = Curve.of_bytes(step_s, kept)
    assert (again.step_s, len(again.points)) == (step_s, len(points))
    for one, other in zip(points, again.points, strict=True):
        for value, found, most in zip(one, other, (0.011, 0.251, 0.251), strict=True):
            assert (value is None) == (found is None)
            assert value is None or found is None or abs(value - found) <= most


@pytest.mark.parametrize("kept", [b"", b"\x01", bytes(range(256)) * 20])
def test_a_curve_that_was_torn_is_as_much_as_is_left(kept: bytes) -> None:
    curve = Curve.of_bytes(0, kept)
    assert curve.step_s == 1
    assert len(curve.points) == min(len(kept) // 3, MAX_POINTS)


def test_what_comes_too_early_or_is_out_of_range_does_no_harm() -> None:
    curve = Curve()
    curve.take(-3, Point(mos=9.0, call=12.0, microphone=-400.0))
    (point,) = Curve.of_bytes(1, curve.to_bytes()).points
    assert point == Point(4.5, 0.0, -100.0)


def test_a_coarser_one_keeps_the_dip() -> None:
    curve = Curve(1, [Point(4.2, -20.0)] * 7 + [Point(1.5, -60.0)])
    coarse = curve.coarser(3)
    assert (coarse.step_s, len(coarse.points)) == (4, 2)
    assert [point.mos for point in coarse.points] == [4.2, 1.5]
    assert [point.call for point in coarse.points] == [-20.0, -20.0]
    assert (curve.step_s, len(curve.points)) == (1, 8)


def quality(session_id: str, mos: float | None) -> Quality:
    return Quality(
        session_id=session_id, received=900, lost=3, concealed_ms=60, jitter_ms=2,
        delay_ms=40, sent=900, mos=mos,
    )  # fmt: skip


async def hear(w: World, life: Life, mos: float, call: float, microphone: float) -> None:
    """The leg tells of a moment, and control has heard it."""
    session_id = life.service.current().session_id
    assert session_id is not None
    count: list[object] = []
    unlisten = life.service.listen(
        lambda n: count.append(n) if isinstance(n, Levels | Quality) else None
    )
    w.leg.emit(quality(session_id, mos))
    w.leg.emit(Levels(session_id=session_id, downlink=call, uplink=microphone))
    await eventually(lambda: len(count) == 2)
    unlisten()


async def test_a_session_s_curve_outlives_a_restart_and_is_kept_at_its_end(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await hear(w, life, 3.2, -30.0, -100.0)
        async with w.control() as life:
            await eventually(lambda: life.state is State.LISTENING)
            await asyncio.sleep(1.6)  # into another second
            await hear(w, life, 4.0, -12.0, -25.0)
            await life.service.hang_up(w.ann)
            record = await life.recorded()
            curve = await life.service.history.curve(record.id)
            assert curve is not None
            assert curve.step_s == 1
            known = [point for point in curve.points if point != Point()]
            assert known[0] == Point(3.2, -30.0, -100.0)
            assert {point.mos for point in known[1:]} >= {4.0}
            assert {(point.call, point.microphone) for point in known[1:]} >= {(-12.0, -25.0)}


async def test_a_process_that_is_killed_loses_little_of_the_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "KEEP_CURVE_S", 0.0)
    async with world(tmp_path) as w, w.control() as life:
        view = await life.service.monitor(w.ann, "call-1")
        assert view.session_id is not None
        await hear(w, life, 3.2, -30.0, -100.0)
        async with asyncio.timeout(5):
            while (curve := await life.service.history.curve(view.session_id)) is None or (
                curve.points[0].call is None
            ):
                await asyncio.sleep(0.01)
        assert curve.points[0] == Point(3.2, -30.0, -100.0)


async def test_the_curve_is_not_written_at_each_event(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        view = await life.service.monitor(w.ann, "call-1")
        assert view.session_id is not None
        for _ in range(5):
            await hear(w, life, 4.0, -20.0, -100.0)
        assert await life.service.history.curve(view.session_id) is None
