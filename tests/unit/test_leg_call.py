"""A whole call over loopback: how it begins, what it sends, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCRtpSender
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket

from appliance.control_link.commands import Join
from appliance.control_link.words import Audience, EndReason, Gate, Media
from appliance.leg.call import FAR_END_S, Call, CallError
from appliance.leg.gate import MicrophoneGate
from appliance.leg.settings import LegSettings
from tests.support.leg_media import answer_to, new_track
from tests.support.peer import Peer as OtherEnd

pytestmark = pytest.mark.usefixtures("only_loopback")

Change = tuple[Media, EndReason | None]


class Talk:
    """Our call as the answering side, and stock aiortc as the other."""

    def __init__(self, **settings: float) -> None:
        self.gate = MicrophoneGate(lambda state: None, lambda on: None, lambda: None)
        self.track = new_track(self.gate)
        self.changes: list[Change] = []
        self.moments: list[float] = []
        """When each came, monotonic."""
        self.other = OtherEnd()
        self.settings = LegSettings(**settings)
        self.call: Call | None = None

    async def begin(self) -> Call:
        join = Join(id=1, session_id="s", offer=await self.other.offer())
        self.call = call = Call(
            join,
            lambda: self.track,
            self.settings,
            self._changed,
            lambda: None,
        )
        await self.other.accept(await call.describe())
        return call

    def _changed(self, media: Media, why: EndReason | None) -> None:
        self.changes.append((media, why))
        self.moments.append(time.monotonic())

    async def until(self, wanted: Change) -> None:
        async with asyncio.timeout(20):
            while wanted not in self.changes:
                await asyncio.sleep(0.01)


@pytest.fixture
async def talk(aiortc_may_wait: None) -> AsyncIterator[Talk]:
    talk = Talk(interrupted_after_s=0.5, media_timeout_s=1.5)
    yield talk
    if talk.call is not None:
        await talk.call.close()
    await talk.other.close()


async def test_call_that_answers_is_connected_and_hears(talk: Talk) -> None:
    call = await talk.begin()
    talk.other.track.hz = 440.0
    await talk.until((Media.CONNECTED, None))
    assert call.peer.may_send
    async with asyncio.timeout(10):
        while (await call.quality()).received < 20:
            await asyncio.sleep(0.02)
    assert (await call.quality()).sent > 0


async def test_sender_that_gives_up_loses_the_connection(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in what sends is logged; the connection alone would stay."""
    await talk.begin()
    await talk.until((Media.CONNECTED, None))

    def fails() -> float:
        raise ArithmeticError("of the test")

    monkeypatch.setattr(talk.track, "_keep_time", fails)
    await talk.until((Media.LOST, None))


async def test_platform_that_goes_loses_the_connection(talk: Talk) -> None:
    call = await talk.begin()
    await talk.until((Media.CONNECTED, None))
    await talk.other.close()
    await talk.until((Media.LOST, None))
    assert not call.may_send


async def test_packets_that_come_again_bring_the_connection_back(talk: Talk) -> None:
    call = await talk.begin()
    await talk.until((Media.CONNECTED, None))
    talk.other.track.stop()
    await talk.until((Media.INTERRUPTED, None))
    await talk.until((Media.LOST, None))
    call.peer.last_packet = time.monotonic()  # as a packet does
    await asyncio.sleep(0.2)
    assert talk.changes[-1] == (Media.CONNECTED, None)


async def test_platform_that_goes_is_given_time_to_say_why(talk: Talk) -> None:
    """At once it is no longer connected, which shuts the gate; the end's reason may still come."""
    talk.settings = LegSettings()  # no pause in the packets is long enough to count
    call = await talk.begin()
    await talk.until((Media.CONNECTED, None))
    await talk.other.close()
    await talk.until((Media.LOST, None))
    assert [media for media, _ in talk.changes] == [
        Media.CONNECTED,
        Media.INTERRUPTED,
        Media.LOST,
    ]
    gone, lost = talk.moments[1:]
    assert lost - gone >= FAR_END_S - 0.1
    assert call.media is Media.LOST


async def test_speech_is_not_sent_again_after_it_was_sent_once(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await talk.begin()
    await talk.until((Media.CONNECTED, None))
    (sender,) = (s for s in call.peer._connection.getSenders() if s.track is talk.track)
    session = sender.transport._tx_srtp
    seen: list[int] = []
    protect = session.protect

    def spy(packet: bytes) -> bytes:
        seen.append(int.from_bytes(packet[2:4], "big"))
        protected: bytes = protect(packet)
        return protected

    monkeypatch.setattr(session, "protect", spy)
    async with asyncio.timeout(10):
        while len(seen) < 5:
            await asyncio.sleep(0.02)
    asked = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=sender._ssrc, lost=seen[:5])
    await sender._handle_rtcp_packet(asked)
    assert len(seen) == len(set(seen))


async def test_hook_on_the_sender_is_still_there() -> None:
    assert asyncio.iscoroutinefunction(RTCRtpSender._retransmit)


async def test_call_hung_up_while_it_is_described_leaves_no_watch(talk: Talk) -> None:
    join = Join(id=1, session_id="s", offer=await talk.other.offer())
    call = Call(join, lambda: talk.track, talk.settings, lambda media, why: None, lambda: None)
    describing = asyncio.create_task(call.describe())
    await asyncio.sleep(0)
    await call.close()
    await asyncio.gather(describing, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("media watch")] == []


async def test_second_answer_is_refused_also_while_the_first_is_taken() -> None:
    changes: list[Change] = []
    call = Call(
        Join(id=1, session_id="s"),
        new_track,
        LegSettings(),
        lambda media, why: changes.append((media, why)),
        lambda: None,
    )
    answer, other = await answer_to(await call.describe())
    results = await asyncio.gather(call.accept(answer), call.accept(answer), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), CallError]
    with pytest.raises(CallError):
        await call.accept(answer)
    await call.close()
    await other.close()
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("media watch")] == []


async def test_closed_call_stops_its_packets_at_once(talk: Talk) -> None:
    call = await talk.begin()
    await talk.until((Media.CONNECTED, None))
    talk.gate.arm("s")
    talk.gate.consent(talk.gate.prepare("control"), Audience.EVERYONE)
    talk.gate.frame_ready()
    assert talk.gate.state is Gate.OPEN
    began = time.monotonic()
    closing = asyncio.create_task(call.close())
    await asyncio.sleep(0)
    sent = talk.track.sent
    await closing
    assert talk.track.sent == sent
    assert time.monotonic() - began < 3.0
