"""Lines on the control link: whole messages or a clear error, and a client that never gives up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_link.base import MAX_LINE
from appliance.control_link.client import LegError, LegLink, LegUnreachableError, LinkTimes
from appliance.control_link.commands import AnyCommand, Join, Ping, SelfTest, SetVolume, any_command
from appliance.control_link.events import AnyEvent, HeadsetChanged, Snapshot, any_event
from appliance.control_link.framing import Channel, LinkError, connect, decode, encode
from appliance.control_link.states import HeadsetState
from tests.support.fake_leg import FakeLeg
from tests.support.waiting import eventually

QUICK = LinkTimes(
    first_pause_s=0.01, longest_pause_s=0.05, ping_s=0.1, silence_s=0.5, request_s=0.3
)


def test_what_is_encoded_is_decoded() -> None:
    join = Join(id=7, session_id="s", offer="v=0\r\n")
    line = encode(join)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line, any_command) == join


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\n", "line: Invalid JSON"),
        (b"\xff\xfe\n", "line: "),
        (b"[]\n", "line: "),
        (b"{}\n", "line: "),
        (b'{"type": "dance", "id": 1}\n', "line: "),
        (b'{"type": "ping"}\n', "ping.id: Field required"),
        (b'{"type": "ping", "id": 1, "x": 2}\n', "ping.x: Extra inputs"),
        (b'{"type": "set_volume", "id": 1, "percent": 101}\n', "set_volume.percent: "),
        (b"[" * 20_000 + b"\n", "line: "),
    ],
)
def test_what_is_no_message_is_named(line: bytes, words: str) -> None:
    with pytest.raises(LinkError) as error:
        decode(line, any_command)
    assert words in error.value.detail
    assert len(error.value.detail) < 400


def test_the_content_is_not_repeated_in_the_error() -> None:
    with pytest.raises(LinkError) as error:
        decode(b'{"type": "join", "id": "my secret", "session_id": "s"}\n', any_command)
    assert "secret" not in error.value.detail


@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_a_message(line: bytes) -> None:
    with suppress(LinkError):
        decode(line, any_event)


def test_a_message_too_long_is_refused_before_it_is_sent() -> None:
    with pytest.raises(LinkError):
        encode(HeadsetChanged(headset=HeadsetState(detail="x" * MAX_LINE)))


@asynccontextmanager
async def _pair(path: Path) -> AsyncIterator[tuple[Channel[AnyEvent], Channel[AnyCommand]]]:
    accepted: asyncio.Queue[Channel[AnyCommand]] = asyncio.Queue(1)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accepted.put(Channel(reader, writer, any_command))

    server = await asyncio.start_unix_server(accept, path, limit=MAX_LINE)
    ours = await connect(path, any_event)
    theirs = await accepted.get()
    try:
        yield ours, theirs
    finally:
        await ours.close()
        await theirs.close()
        server.close()


async def test_a_channel_keeps_order_and_tells_the_end(tmp_path: Path) -> None:
    async with _pair(tmp_path / "s") as (ours, theirs):
        for number in range(100):
            ours.send(SetVolume(id=number, percent=number))
        await ours.close()
        got = [await theirs.receive() for _ in range(101)]
        assert [item and item.id for item in got] == [*range(100), None]
        with pytest.raises(LinkError):
            ours.send(Ping(id=1))


@pytest.mark.parametrize(
    ("data", "words"), [(b"x" * (MAX_LINE + 1), "longer than"), (b'{"type"', "cut off")]
)
async def test_lines_without_end_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    async with _pair(tmp_path / "s") as (ours, theirs):
        ours._writer.write(data)
        await ours.close()
        with pytest.raises(LinkError) as error:
            await theirs.receive()
        assert words in error.value.detail


async def test_a_side_that_does_not_read_fills_no_memory(tmp_path: Path) -> None:
    async with _pair(tmp_path / "s") as (ours, _):
        join = Join(id=1, session_id="s", offer="x" * 60_000)
        with pytest.raises(LinkError) as error:
            _send_often(ours, join)
        assert "does not read" in error.value.detail
        assert ours.unsent < 2_000_000
        ours.abort()


def _send_often(channel: Channel[AnyEvent], join: Join) -> None:
    for _ in range(200):
        channel.send(join)


# -- the client


class Ears:
    """What the link told."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.connections: list[bool] = []
        self.deaths: list[str] = []

    def snapshots(self) -> list[Snapshot]:
        return [event for event in self.events if isinstance(event, Snapshot)]


@asynccontextmanager
async def _link(path: Path) -> AsyncIterator[tuple[LegLink, Ears]]:
    ears = Ears()
    link = LegLink(
        path,
        ears.events.append,
        ears.connections.append,
        times=QUICK,
        on_death=ears.deaths.append,
    )
    link.start()
    try:
        yield link, ears
    finally:
        await link.stop()
        assert ears.deaths == []


@pytest.fixture
async def leg(tmp_path: Path) -> AsyncIterator[FakeLeg]:
    fake = FakeLeg(tmp_path / "leg.sock")
    await fake.start()
    yield fake
    await fake.stop()


async def test_the_snapshot_comes_first_on_each_connection(leg: FakeLeg) -> None:
    async with _link(leg.path) as (link, ears):
        await eventually(lambda: link.connected)
        assert ears.connections == [True]
        assert len(ears.snapshots()) == 1
        leg.drop()
        await eventually(lambda: ears.connections == [True, False, True])
        assert len(ears.snapshots()) == 2


async def test_the_leg_may_come_later_and_come_back(leg: FakeLeg) -> None:
    await leg.stop()
    async with _link(leg.path) as (link, ears):
        with pytest.raises(LegUnreachableError):
            await link.request(lambda n: SelfTest(id=n))
        await leg.start()
        await eventually(lambda: link.connected)
        await leg.stop()
        await eventually(lambda: not link.connected)
        await leg.start()
        await eventually(lambda: ears.connections == [True, False, True])


async def test_replies_find_their_requests(leg: FakeLeg) -> None:
    async with _link(leg.path) as (link, _):
        await eventually(lambda: link.connected)
        leg.refuse["set_volume"] = "busy"
        good, bad = await asyncio.gather(
            link.request(lambda n: SelfTest(id=n)),
            link.request(lambda n: SetVolume(id=n, percent=1)),
            return_exceptions=True,
        )
        assert not isinstance(good, BaseException)
        assert good.report is not None
        assert isinstance(bad, LegError)
        assert (bad.code, bad.detail) == ("busy", "refused")


async def test_no_answer_in_time(leg: FakeLeg) -> None:
    leg.deaf.add("self_test")
    async with _link(leg.path) as (link, _):
        await eventually(lambda: link.connected)
        with pytest.raises(LegUnreachableError):
            await link.request(lambda n: SelfTest(id=n))
        assert link.connected  # pings are answered: the link is fine, the request was not


async def test_a_request_fails_at_once_when_the_leg_dies(leg: FakeLeg) -> None:
    leg.deaf.add("self_test")
    async with _link(leg.path) as (link, _):
        await eventually(lambda: link.connected)
        asked = asyncio.create_task(link.request(lambda n: SelfTest(id=n), limit_s=60))
        await eventually(lambda: leg.taken != [])
        leg.drop()
        with pytest.raises(LegUnreachableError):
            await asked


async def test_a_leg_that_says_nothing_is_reconnected(leg: FakeLeg) -> None:
    async with _link(leg.path) as (link, ears):
        await eventually(lambda: link.connected)
        leg.silent = True
        await eventually(lambda: not link.connected)
        leg.silent = False
        await eventually(lambda: ears.connections == [True, False, True])


@pytest.mark.parametrize("garbage", [b"hello\n", b"\x00" * 10 + b"\n", b"x" * (MAX_LINE + 10)])
async def test_garbage_closes_the_connection_and_nothing_else(
    leg: FakeLeg, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with _link(leg.path) as (link, ears):
        await eventually(lambda: link.connected)
        leg.send_raw(garbage)
        await eventually(lambda: ears.connections == [True, False, True])
        assert "closing the connection" in caplog.text
        assert "Traceback" not in caplog.text


async def test_the_first_message_must_be_a_snapshot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(HeadsetChanged(headset=HeadsetState())))
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "s")
    async with _link(tmp_path / "s") as (link, ears):
        await eventually(lambda: "must be a snapshot" in caplog.text)
        assert not link.connected
        assert ears.connections == []
    server.close()
