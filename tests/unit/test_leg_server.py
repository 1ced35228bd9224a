"""The leg's end of the control link, over a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from appliance.control_link.base import MAX_LINE
from appliance.control_link.commands import AnyCommand
from appliance.control_link.events import LampsChanged, Reply
from appliance.control_link.states import HeadsetState, Lamps
from appliance.leg.server import MAX_CONNECTIONS, MAX_IN_FLIGHT, LinkServer, SocketError
from tests.support.leg_parts import snapshot
from tests.support.raw_control import Link


class Handler:
    """Answers at once, but to `prepare_gate`, which waits."""

    def __init__(self) -> None:
        self.came: list[AnyCommand] = []
        self.go_on = asyncio.Event()

    async def __call__(self, command: AnyCommand) -> Reply:
        self.came.append(command)
        if command.type == "prepare_gate":
            await self.go_on.wait()
        return Reply(id=command.id)


@pytest.fixture
async def handler() -> Handler:
    return Handler()


@pytest.fixture
async def link(tmp_path: Path, handler: Handler) -> AsyncIterator[Link]:
    link = Link(LinkServer(handler, snapshot), tmp_path / "leg.sock")
    await link.server.start(link.path)
    yield link
    await link.close()


async def test_snapshot_is_first_and_commands_are_answered(link: Link) -> None:
    control = await link.connect()
    assert not link.server.control_is_there
    assert await control.ask("ping") == {
        "type": "reply",
        "id": 1,
        "ok": True,
        **dict.fromkeys(("code", "detail", "sdp", "epoch", "report", "headsets")),
    }
    assert link.server.control_is_there


GARBAGE = [
    b"garbage",
    b"",
    b"\xff\xfe\x00",
    b"[]",
    b"{}",
    b"[" * 100_000,
    b'{"type": "ping"}',
    b'{"type": "ping", "id": 1, "more": 1}',
    b'{"type": "reply", "id": 1}',
    b'{"type": "ping", "id": "\\ud800"}',
    b'{"type": "set_volume", "id": 1, "percent": 101}',
    b'{"type": "join", "id": 1, "session_id": "' + b"s" * 65 + b'"}',
    b'{"type": "ping", "id": ' + b"9" * 5_000 + b"}",
    b'{"type": "hang_up", "id": 1, "session_id": "s", "reason": "boredom"}',
    b"x" * (MAX_LINE + 10),
]


@pytest.mark.parametrize("line", GARBAGE, ids=lambda line: repr(line[:24]))
async def test_garbage_ends_its_own_connection_and_disturbs_nobody(link: Link, line: bytes) -> None:
    control = await link.connect()
    await control.ask("ping")
    stranger = await link.connect()
    stranger.write(line)
    assert await stranger.closed()
    assert (await control.ask("ping"))["ok"]
    assert link.server.control_is_there


async def test_half_a_line_is_no_command(link: Link, handler: Handler) -> None:
    stranger = await link.connect()
    stranger.writer.write(b'{"type": "ping", "id": 1}')
    stranger.writer.write_eof()
    assert await stranger.closed()
    assert handler.came == []


async def test_newest_control_wins_and_the_former_is_let_go(link: Link) -> None:
    former, newer = await link.connect(), await link.connect()
    await former.ask("ping")
    await newer.ask("ping")
    assert await former.closed()
    assert (await newer.ask("ping"))["ok"]


async def test_what_the_former_control_had_sent_does_not_bring_it_back(
    link: Link, handler: Handler
) -> None:
    """Both speak within one turn of the loop, the newer one first."""
    former, newer = await link.connect(), await link.connect()
    await former.ask("ping")
    for control in (newer, former):
        pipe = control.writer.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(pipe.fileno())) as raw:
            raw.sendall(b'{"type": "ping", "id": 77}\n')
    assert (await newer.reply(77))["ok"]
    assert await former.closed()
    assert (await newer.ask("ping"))["ok"]
    assert [command.id for command in handler.came] == [1, 77, 1]


async def test_connections_are_bounded(link: Link) -> None:
    for _ in range(MAX_CONNECTIONS):
        await link.connect()
    assert (await link.controls[0].ask("ping"))["ok"]
    for _ in range(3):
        await link.connect()
    assert len(link.server._channels) == MAX_CONNECTIONS
    assert all([await silent.closed() for silent in link.controls[1:4]])
    assert (await link.controls[0].ask("ping"))["ok"]


async def test_silent_connections_do_not_keep_control_out(link: Link) -> None:
    for _ in range(MAX_CONNECTIONS):
        await link.connect()
    control = await link.connect()
    assert (await control.ask("ping"))["ok"]
    assert link.server.control_is_there


async def test_control_that_comes_and_goes_leaves_nothing_behind(link: Link) -> None:
    for _ in range(30):
        control = await link.connect()
        control.send("ping")
        control.writer.close()
    async with asyncio.timeout(10):
        while link.server._channels:
            await asyncio.sleep(0.01)
    assert not link.server.control_is_there
    await asyncio.sleep(0.05)
    assert not link.server._in_flight


async def test_one_that_does_not_read_is_let_go_and_the_others_hear_on(link: Link) -> None:
    deaf, control = await link.connect(), await link.connect()
    deaf_pipe = cast(asyncio.Transport, deaf.writer.transport)
    deaf_pipe.pause_reading()
    detail = HeadsetState(detail="x" * 60_000)
    for _ in range(60):
        link.server.emit(snapshot().model_copy(update={"headset": detail}))
        await control.next("snapshot")
    assert len(link.server._channels) == 1
    deaf_pipe.resume_reading()


async def test_too_many_commands_at_once_are_refused_but_never_to_mute_or_leave(
    link: Link, handler: Handler
) -> None:
    control = await link.connect()
    for _ in range(MAX_IN_FLIGHT):
        control.send("prepare_gate", session_id="s")
    assert (await control.ask("ping"))["code"] == "busy"
    assert (await control.ask("close_gate", session_id="s"))["ok"]
    assert (await control.ask("hang_up", session_id="s", reason="hung_up"))["ok"]
    handler.go_on.set()
    await control.reply(MAX_IN_FLIGHT)
    assert (await control.ask("ping"))["ok"]


async def test_events_for_nobody_are_dropped(link: Link) -> None:
    for _ in range(1_000):
        link.server.emit(LampsChanged(lamps=Lamps()))
    control = await link.connect()
    assert (await control.ask("ping"))["ok"]


async def test_socket_that_cannot_be_made_is_told(tmp_path: Path, handler: Handler) -> None:
    with pytest.raises(SocketError, match="check the run directory"):
        await LinkServer(handler, snapshot).start(tmp_path / "nowhere" / "leg.sock")


async def test_left_over_socket_is_replaced(tmp_path: Path, handler: Handler) -> None:
    path = tmp_path / "leg.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    link = Link(LinkServer(handler, snapshot), path)
    await link.server.start(path)
    assert (await (await link.connect()).ask("ping"))["ok"]
    await link.close()
