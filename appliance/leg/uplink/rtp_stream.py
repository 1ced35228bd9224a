"""Our RTP stream, from a payload to the socket, in whichever thread has one.

aiortc sends in a task of the loop, so that each packet of the microphone would wake it, and wait
for its turn. Here the microphone's thread sends what it has encoded. Header: RFC 3550 section 5.1
and RFC 8285; encryption: RFC 3711, by aiortc's own session. RTCP stays aiortc's, which goes on
counting what its sender reports tell; its transport's own counters know nothing of our packets.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import struct
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

import pylibsrtp
from aiortc.rtcdtlstransport import State
from aiortc.rtp import HeaderExtensions

from appliance.leg.uplink.audio_level import AudioLevel
from appliance.leg.uplink.srtp import locked
from appliance.leg.uplink.ways import Way, way_over

if TYPE_CHECKING:
    from aioice.ice import CandidatePair
    from aiortc import RTCRtpSender
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters

log = logging.getLogger(__name__)

_SENDER = "_RTCRtpSender"
STARTED, EXITED = f"{_SENDER}__rtp_started", f"{_SENDER}__rtp_exited"
EXTENSIONS, MID = f"{_SENDER}__rtp_header_extensions_map", f"{_SENDER}__mid"
PACKETS, OCTETS = f"{_SENDER}__packet_count", f"{_SENDER}__octet_count"
WALL_TIME, RTP_TIME = f"{_SENDER}__ntp_timestamp", f"{_SENDER}__rtp_timestamp"
KEPT = (STARTED, EXITED, EXTENSIONS, MID, PACKETS, OCTETS, WALL_TIME, RTP_TIME)

FIRST_OCTET, WITH_EXTENSION = 0x80, 0x10
MARKER = 0x80
"""On each packet, as aiortc has it."""
NTP_EPOCH_S = 2_208_988_800
"""From 1900 to 1970."""
COMPONENT = 1
"""ICE's number for RTP; RTCP goes with it (RFC 5761)."""


class RtpStream:
    """What one of aiortc's senders sends. `send` is called by one at a time, on the loop and,
    where `anywhere` says so, from other threads; all else on the loop.
    """

    def __init__(self, sender: RTCRtpSender, payload_type: int) -> None:
        self._sender = sender
        self._kept = vars(sender)
        self._transport = sender.transport
        self._path = sender.transport.transport._connection
        self._session = locked(sender.transport)
        self._payload_type = payload_type
        self._number = secrets.randbits(15)  # does not wrap at once (RFC 3711 section 3.3.1)
        self._origin = secrets.randbits(32)
        self._extensions: dict[AudioLevel, bytes] = {}
        self._pair: CandidatePair | None = None
        self._way: Way | None = None
        self._failed = False

    @property
    def anywhere(self) -> bool:
        """Whether it sends in any thread; over a relay, and where ICE has chosen anew, it is the
        loop's turn.
        """
        way = self._way
        return way is None or (way.anywhere and self._is_current())

    def refresh(self) -> bool:
        """Follow ICE to the addresses that it uses now; False when the connection is over."""
        pair = self._path._nominated.get(COMPONENT)
        if pair is not self._pair:
            self.close()
            self._pair = pair
            self._way = None if pair is None else way_over(pair)
        return self._transport._state is State.CONNECTED and not self._failed

    def send(self, payload: bytes, timestamp: int, level: AudioLevel) -> None:
        """Send *payload* with its time in ticks of the codec's clock, from any origin. Where both
        sides agreed on it the header tells the audio level (RFC 6464). While the connection has no
        way, it is lost.
        """
        way = self._way
        if way is None or not self._sender._enabled:
            return
        at = (self._origin + timestamp) & 0xFFFFFFFF
        extension = self._extensions.get(level)
        if extension is None:
            extension = self._extensions[level] = self._extension(level)
        header = struct.pack(
            "!BBHII",
            FIRST_OCTET | (WITH_EXTENSION if extension else 0),
            MARKER | self._payload_type,
            self._number,
            at,
            self._sender._ssrc,
        )
        try:
            way.send(self._session.protect(header + extension + payload))
        except pylibsrtp.Error:
            log.exception("a packet cannot be encrypted; the connection is given up")
            self._failed = True
            self.close()
            return
        self._number = (self._number + 1) & 0xFFFF
        self._account(at, len(payload))

    def _is_current(self) -> bool:
        """Whether the other side still consents, over this pair (RFC 7675); read in any thread."""
        is_up = self._transport._state is State.CONNECTED
        return is_up and self._path._nominated.get(COMPONENT) is self._pair

    def _extension(self, level: AudioLevel) -> bytes:
        values = HeaderExtensions(mid=self._kept[MID], audio_level=level)
        profile, value = self._kept[EXTENSIONS].set(values)
        return struct.pack("!HH", profile, len(value) // 4) + value if value else b""

    def _account(self, at: int, octets: int) -> None:
        """What aiortc's sender reports tell (RFC 3550 section 6.4.1). One that is being made in
        the same microseconds may tell of two packets.
        """
        self._kept[WALL_TIME] = int((time.time() + NTP_EPOCH_S) * 2**32)
        self._kept[RTP_TIME] = at
        self._kept[PACKETS] += 1
        self._kept[OCTETS] += octets

    def close(self) -> None:
        """Send nothing more. `send` must not be running."""
        if self._way is not None:
            self._way.close()
            self._way = None


def take_over(sender: RTCRtpSender, run: Callable[[RtpStream], Awaitable[None]]) -> None:
    """Have *run* send, in place of aiortc, once *sender* may; it is cancelled at the end. Call it
    before the connection is made.

    Raises RuntimeError when aiortc is not the one this was written for.
    """
    kept = vars(sender)
    if not hasattr(sender, "_run_rtp") or any(name not in kept for name in KEPT):
        raise RuntimeError("aiortc has changed: its sender keeps nothing by one of these names")

    async def run_rtp(codec: RTCRtpCodecParameters) -> None:
        kept[STARTED].set()
        cast("asyncio.Task[None]", asyncio.current_task()).add_done_callback(_told)
        stream = None
        try:
            assert codec.payloadType is not None
            stream = RtpStream(sender, codec.payloadType)
            await run(stream)
        finally:
            sender.track.stop()  # a call whose track has ended is lost, and says so
            if stream is not None:
                stream.close()
            kept[EXITED].set()

    kept["_run_rtp"] = run_rtp


def _told(task: asyncio.Task[None]) -> None:
    """aiortc never asks how it ended."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical("the uplink gave up", exc_info=error)
