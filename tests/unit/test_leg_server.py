"""The leg's end of the control link, over a real socket, with a real leg behind it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from aioice import ice
from blockbuster import BlockBuster

from appliance.audio.headset import CaptureSink
from appliance.control_link.base import MAX_LINE
from appliance.control_link.commands import AnyCommand
from appliance.control_link.events import CallChanged, LampsChanged, Reply, Snapshot
from appliance.control_link.states import HeadsetState, Lamps, Press
from appliance.control_link.words import Action, Button, Media
from appliance.leg import self_test as self_test_module
from appliance.leg.commands import carry_out
from appliance.leg.leg import Leg
from appliance.leg.presses import Presses
from appliance.leg.self_test import self_test
from appliance.leg.server import MAX_CONNECTIONS, MAX_IN_FLIGHT, LinkServer, SocketError
from appliance.leg.settings import LegSettings
from tests.support.peer import Peer as OtherEnd

Json = dict[str, Any]
HERE = HeadsetState(present=True, playing=True)


class Control:
    """A control process as raw as it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._number = 0

    def write(self, line: bytes) -> None:
        self.writer.write(line + b"\n")

    def send(self, type_: str, **fields: object) -> int:
        self._number += 1
        self.write(json.dumps({"type": type_, "id": self._number, **fields}).encode())
        return self._number

    async def next(self, *types: str) -> Json:
        async with asyncio.timeout(10):
            while True:
                message: Json = json.loads(await self.reader.readuntil(b"\n"))
                if message["type"] in types:
                    return message

    async def reply(self, number: int) -> Json:
        while True:
            message = await self.next("reply")
            if message["id"] == number:
                return message

    async def ask(self, type_: str, **fields: object) -> Json:
        return await self.reply(self.send(type_, **fields))

    async def closed(self) -> bool:
        """Read to the end, which must come."""
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                await self.reader.read()
        return True


@dataclass
class Link:
    """A server, and whoever connects to it."""

    server: LinkServer
    path: Path
    controls: list[Control] = field(default_factory=list)

    async def connect(self) -> Control:
        control = Control(*await asyncio.open_unix_connection(self.path, limit=4 * MAX_LINE))
        self.controls.append(control)
        await control.next("snapshot")
        return control

    async def close(self) -> None:
        for control in self.controls:
            control.writer.close()
            with suppress(ConnectionError):
                await control.writer.wait_closed()
        await self.server.stop()


def snapshot(*, presses: list[Press] | None = None) -> Snapshot:
    return Snapshot(
        leg_id="l",
        board="virtual",
        call=None,
        last_ended=None,
        headset=HERE,
        lamps=Lamps(),
        volume=80,
        presses=presses or [],
    )


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


# -- the link


async def test_snapshot_is_first_and_commands_are_answered(link: Link) -> None:
    control = await link.connect()
    assert not link.server.control_is_there
    assert await control.ask("ping") == {
        "type": "reply",
        "id": 1,
        "ok": True,
        **dict.fromkeys(("code", "detail", "sdp", "epoch", "report")),
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
    reader, writer = await asyncio.open_unix_connection(link.path)
    assert await reader.read() == b""
    writer.close()
    assert (await link.controls[0].ask("ping"))["ok"]


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


# -- the leg behind it


class Headset:
    """There, and never says anything."""

    state = HERE

    def start_capture(self, sink: CaptureSink) -> None:
        return

    def stop_capture(self) -> None:
        return


class Panel:
    """A panel that nobody looks at."""

    lamps = Lamps()

    def show(self, microphone: object = None, status: object = None) -> None:
        return

    def checks(self) -> list[Any]:
        return []


@dataclass
class Box(Link):
    """A whole leg without its hardware."""

    leg: Leg = field(init=False)
    presses: Presses = field(init=False)
    dead: list[str] = field(default_factory=list)

    def in_call(self) -> bool:
        return self.leg.call is not None

    async def command(self, command: AnyCommand) -> Reply:
        async def test() -> list[Any]:
            self.leg.testing = True
            try:
                return await self_test(self.leg.headset, Panel(), self.leg.indicators.show_test)
            finally:
                self.leg.testing = False

        return await carry_out(command, self.leg, self.presses, test)


@pytest.fixture
async def box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_blocks_the_loop: BlockBuster
) -> AsyncIterator[Box]:
    # aiortc waits for its decoder thread, which has had nothing to decode and ends at once.
    lock = nothing_blocks_the_loop.functions["threading.Lock.acquire"]
    lock.can_block_in("aiortc/rtcrtpreceiver.py", {"__stop_decoder"})
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    monkeypatch.setattr(self_test_module, "LISTEN_S", 0.1)

    async def handle(command: AnyCommand) -> Reply:
        return await made.command(command)

    server = LinkServer(handle, snapshot)
    made = Box(server, tmp_path / "leg.sock")
    monkeypatch.setattr("appliance.leg.server.die", made.dead.append)
    made.leg = Leg(
        LegSettings(connect_timeout_s=30),
        Panel(),
        lambda source, on_change: Headset(),
        server.emit,
        lambda: None,
    )
    made.presses = Presses(
        made.leg,
        push_to_talk=False,
        emit=server.emit,
        soon=made.leg._soon,
        control_is_there=lambda: server.control_is_there,
    )
    made.leg.start()
    await server.start(made.path)
    yield made
    await made.leg.stop()
    await made.close()
    assert made.dead == [], "a command has killed the leg"


async def test_leg_is_in_one_call_at_most_whatever_comes_at_once(box: Box) -> None:
    """Also while the call before is still closing."""
    control = await box.connect()
    await control.ask("join", session_id="first")
    control.send("hang_up", session_id="first", reason="hung_up")
    numbers = [control.send("join", session_id=f"s{n}") for n in range(3)]
    replies: dict[int, str | None] = {}
    while len(replies) < 3:
        reply = await control.next("reply")
        replies[reply["id"]] = reply["code"]
    assert [replies.get(number) for number in numbers] == [None, "busy", "busy"]
    assert box.leg.call is not None
    assert box.leg.call.session_id == "s0"


async def test_no_self_test_while_a_call_begins_and_no_call_while_it_runs(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="first")
    control.send("hang_up", session_id="first", reason="hung_up")
    joining, testing = control.send("join", session_id="s"), control.send("self_test")
    assert (await control.reply(testing))["code"] == "busy"
    assert (await control.reply(joining))["ok"]
    await control.ask("hang_up", session_id="s", reason="hung_up")
    testing, again = control.send("self_test"), control.send("self_test")
    joining = control.send("join", session_id="t")
    assert (await control.reply(again))["code"] == "busy"
    assert (await control.reply(joining))["code"] == "busy"
    assert (await control.reply(testing))["report"] is not None


@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("turns", range(0, 24, 2))
async def test_hang_up_at_any_moment_of_a_join_ends_it_in_order(
    box: Box, turns: int, offered: bool
) -> None:
    """The button is pressed that many turns of the loop after the command has come."""
    control = await box.connect()
    other = OtherEnd()
    offer = {"offer": await other.offer()} if offered else {}
    joining = control.send("join", session_id="s", **offer)
    async with asyncio.timeout(10):
        while not box.in_call():
            await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    box.presses.hang_up_pressed(1.0)
    # Either it was quick enough to be answered, or it is refused in words.
    ended, code = None, "no reply"
    while ended is None or code == "no reply":
        message = await control.next("reply", "call_changed")
        if message["type"] == "call_changed":
            ended = message["reason"]
        else:
            assert message["id"] == joining
            code = message["code"]
    assert ended == "hung_up"
    assert code in (None, "no_such_call", "refused_offer")
    assert (await control.ask("ping"))["ok"]
    assert not box.in_call()
    async with asyncio.timeout(10):
        while box.leg._closing:
            await asyncio.sleep(0.01)
    await other.close()
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("media watch")] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"offer": "garbage"},
        {"offer": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 00\r\n"},
        {"ice_servers": [{"urls": ["garbage"]}]},
    ],
)
async def test_join_that_cannot_be_is_refused_and_leaves_nothing(box: Box, fields: Json) -> None:
    control = await box.connect()
    refused = await control.ask("join", session_id="s", **fields)
    assert refused["code"] == "refused_offer"
    assert "\n" not in refused["detail"].strip()
    assert box.leg.call is None
    assert (await control.ask("join", session_id="s"))["sdp"]


async def test_answer_that_cannot_be_is_refused_and_can_be_hung_up(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    assert (await control.ask("answer", session_id="s", sdp="garbage"))["code"] == "refused_offer"
    assert (await control.ask("answer", session_id="t", sdp="garbage"))["code"] == "no_such_call"
    assert (await control.ask("hang_up", session_id="s", reason="failed"))["ok"]
    assert box.leg.call is None


@pytest.mark.parametrize(
    ("command", "fields", "code"),
    [
        ("prepare_gate", {}, "no_such_call"),
        ("open_gate", {"epoch": 0}, "no_such_call"),
        ("refuse_gate", {"epoch": 0}, "no_such_call"),
        ("close_gate", {}, None),
        ("hang_up", {"reason": "failed"}, None),
    ],
)
async def test_commands_for_another_session(
    box: Box, command: str, fields: Json, code: str | None
) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    assert (await control.ask(command, session_id="t", **fields))["code"] == code
    assert box.leg.call is not None


async def test_gate_opens_for_a_connected_call_only(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    assert (await control.ask("prepare_gate", session_id="s"))["code"] == "not_in_call"
    epoch = box.leg.gate.epoch
    opened = await control.ask("open_gate", session_id="s", epoch=epoch)
    assert opened["code"] == "stale"


async def connected(box: Box, control: Control, direction: str) -> OtherEnd:
    other = OtherEnd()
    joined = await control.ask(
        "join", session_id="s", offer=await other.offer(), direction=direction
    )
    await other.accept(joined["sdp"])
    assert (await control.next("call_changed"))["media"] == "connected"
    return other


async def test_receive_only_call_never_lights_the_lamp(box: Box) -> None:
    control = await box.connect()
    other = await connected(box, control, "recvonly")
    assert (await control.ask("prepare_gate", session_id="s"))["code"] == "not_in_call"
    box.presses.microphone_pressed(1.0)
    assert box.presses.kept()[-1].action is Action.UNMUTE_REFUSED
    assert box.leg.call is not None
    assert box.leg.call.peer.track.sent == 0
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await other.close()


async def test_opening_that_is_overtaken_is_answered_stale(box: Box) -> None:
    control = await box.connect()
    other = await connected(box, control, "sendrecv")
    prepared = await control.ask("prepare_gate", session_id="s")
    opening = control.send("open_gate", session_id="s", epoch=prepared["epoch"])
    while box.leg._openings._waited_for == {}:
        await asyncio.sleep(0)
    assert box.presses.microphone_edge(1.0)
    assert (await control.reply(opening))["code"] == "stale"
    opening = control.send("open_gate", session_id="s", epoch=prepared["epoch"])
    assert (await control.reply(opening))["code"] == "stale"
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await other.close()


async def test_hang_up_while_opening_answers_and_stops_the_microphone(box: Box) -> None:
    control = await box.connect()
    other = await connected(box, control, "sendrecv")
    prepared = await control.ask("prepare_gate", session_id="s")
    opening = control.send("open_gate", session_id="s", epoch=prepared["epoch"])
    ending = control.send("hang_up", session_id="s", reason="agent_ended")
    replies = [await control.next("reply"), await control.next("reply")]
    assert {reply["id"]: reply["code"] for reply in replies} == {opening: "stale", ending: None}
    await other.close()


async def test_level_of_a_headset_that_does_not_play_is_silence(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = await box.connect()
    other = await connected(box, control, "sendrecv")
    monkeypatch.setattr(box.leg.downlink, "_level", -12.0)
    assert (await control.next("levels"))["downlink"] == -12.0
    monkeypatch.setattr(Headset, "state", HeadsetState(present=False))
    await control.next("levels")
    assert (await control.next("levels"))["downlink"] == -100.0
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await other.close()


async def test_stopped_leg_begins_no_call(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    await box.leg.stop()
    assert box.leg.call is None
    assert (await control.ask("join", session_id="t"))["code"] == "busy"
    ended = CallChanged(session_id="s", media=Media.ENDED)
    assert box.leg.last_ended is not None
    assert box.leg.last_ended.session_id == ended.session_id


async def test_refused_joins_in_a_flood_are_only_so_many_tones(box: Box) -> None:
    control = await box.connect()
    for _ in range(200):
        control.send("refuse_join", reason="own_call")
    await control.ask("ping")
    assert len(box.leg.downlink._cues) <= 4


async def test_volume_is_set_and_presses_are_acknowledged(box: Box) -> None:
    control = await box.connect()
    box.presses._keep(Button.HANG_UP, Action.IGNORED, 1.0, None)
    assert (await control.ask("set_volume", percent=35))["ok"]
    assert box.leg.downlink.volume == 35
    assert (await control.ask("ack_presses", through=1))["ok"]
    assert box.presses.kept() == []
