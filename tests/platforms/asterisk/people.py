"""Agents and customers as real SIP endpoints, with plain RTP: a mouth and an ear of their own.

Most send and take linear 16 kHz, which passes through Asterisk unchanged; others speak a real
site's codecs (`codecs`).
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import time
from collections import deque

import numpy as np
from pydantic import SecretStr

from appliance.platforms.sandbox.centre.sound import FLOOR, RATE, tone_level
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import Dialog, IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Message
from tests.platforms.asterisk.codecs import LINEAR, Codec
from tests.platforms.asterisk.server import ADDRESS, PERSON_PASSWORD, WS_URL

FRAME_S = 0.02
KEPT_FRAMES = 250
WARM_UP_FRAMES = 10
"""Decoded before what is measured, for a decoder that begins in the middle."""
LIMIT_S = 15.0


class Sound(asyncio.DatagramProtocol):
    """One RTP stream each way."""

    def __init__(self, codec: Codec) -> None:
        self._codec, self._samples = codec, round(codec.rate * FRAME_S)
        self.hz: float | None = None
        self.amplitude = 0.0
        self.sending = True
        """Off: no packet, as a phone that suppresses silence."""
        self.last_packet = 0.0
        self._heard: deque[tuple[float, bytes]] = deque(maxlen=KEPT_FRAMES)
        self._transport: asyncio.DatagramTransport | None = None
        self._mouth: asyncio.Task[None] | None = None
        self.port = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(ADDRESS, 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    def sdp(self, direction: str = "sendrecv") -> str:
        return "\r\n".join(
            [
                "v=0",
                f"o=- {int(time.time())} {time.monotonic_ns() % 10**9} IN IP4 {ADDRESS}",
                "s=-",
                f"c=IN IP4 {ADDRESS}",
                "t=0 0",
                f"m=audio {self.port} RTP/AVP {self._codec.payload}",
                f"a=rtpmap:{self._codec.payload} {self._codec.rtpmap}",
                "a=ptime:20",
                f"a={direction}",
                "",
            ]
        )

    def talk_to(self, sdp: str) -> None:
        """Send to where the other side's description says."""
        lines = sdp.split("\r\n")
        host = next(line.split()[-1] for line in lines if line.startswith("c="))
        port = int(next(line.split()[1] for line in lines if line.startswith("m=audio")))
        if self._mouth is None:
            self._mouth = asyncio.create_task(self._speak((host, port)))

    def datagram_received(self, data: bytes, addr: object) -> None:
        if len(data) > 12 and data[1] & 0x7F == self._codec.payload:
            self.last_packet = time.monotonic()
            self._heard.append((self.last_packet, data[12:]))

    def level(self, hz: float, seconds: float) -> float:
        since = time.monotonic() - seconds - WARM_UP_FRAMES * FRAME_S
        samples = self._codec.decode(payload for at, payload in self._heard if at >= since)
        samples = samples[WARM_UP_FRAMES * self._samples :]
        return tone_level(samples, hz * RATE / self._codec.rate) if len(samples) else FLOOR

    async def close(self) -> None:
        if self._mouth is not None:
            self._mouth.cancel()
            await asyncio.gather(self._mouth, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def _speak(self, to: tuple[str, int]) -> None:
        assert self._transport is not None
        source, begun, number = secrets.randbits(32), time.monotonic(), 0
        coder, ticks = self._codec.coder(), round(self._codec.clock * FRAME_S)
        while True:
            at = np.arange(number * self._samples, (number + 1) * self._samples) / self._codec.rate
            wave = np.sin(2 * np.pi * (self.hz or 0.0) * at) * self.amplitude * 32767
            header = struct.pack(
                "!BBHII",
                0x80,
                self._codec.payload,
                number & 0xFFFF,
                number * ticks & 0xFFFFFFFF,
                source,
            )
            if self.sending:
                self._transport.sendto(header + coder.encode(wave.astype(np.int16)), to)
            number += 1
            await asyncio.sleep(max(0.0, begun + number * FRAME_S - time.monotonic()))


class Person:
    """One party of one call; implements `tests.platforms.site.Party`."""

    def __init__(self, phone: Phone, dialog: Dialog, sound: Sound) -> None:
        self.phone, self.dialog, self.sound = phone, dialog, sound

    async def tone(self, hz: float | None, dbfs: float = -20.0) -> None:
        self.sound.amplitude = 0.0 if hz is None else 10 ** (dbfs / 20)
        self.sound.hz = hz

    async def level(self, hz: float, seconds: float = 1.0) -> float:
        return self.sound.level(hz, seconds)

    async def notices(self) -> list[str]:
        return self.phone.told(self.dialog.call_id)

    async def hang_up(self) -> None:
        await self.dialog.bye()
        await self.sound.close()

    def connected(self) -> bool:
        """The call is up, and something is heard of the other side right now."""
        fresh = time.monotonic() - self.sound.last_packet < 0.5
        return fresh and not self.dialog.ended.is_set()


class Phone:
    """A person's endpoint: takes every call at once while it ``answers``, and else lets it ring."""

    def __init__(self, name: str, codec: Codec = LINEAR) -> None:
        self._codec = codec
        account = Account(WS_URL, name, name, SecretStr(PERSON_PASSWORD))
        self.agent = UserAgent(account, self._called)
        self.agent.tap = self._heard_of
        self.answers = True
        self.answered: asyncio.Queue[Person] = asyncio.Queue()
        self.sounds: list[Sound] = []
        self._requests: list[tuple[str, str]] = []
        self._calls: set[str] = set()
        self._life: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._life = asyncio.create_task(self.agent.run(None))
        async with asyncio.timeout(LIMIT_S):
            await self.agent.registered.wait()

    async def stop(self) -> None:
        assert self._life is not None
        self._life.cancel()
        for sound in self.sounds:
            await sound.close()
        self.sounds.clear()
        await asyncio.gather(self._life, return_exceptions=True)

    async def call(self, exten: str) -> Person:
        sound = await self._sound()
        dialog, answer = await self.agent.invite(f"sip:{exten}@{ADDRESS}", sound.sdp())
        self._calls.add(dialog.call_id)
        sound.talk_to(answer)
        return Person(self, dialog, sound)

    def told(self, call_id: str) -> list[str]:
        """Every request of this call, and every one that belongs to no call."""
        return [what for call, what in self._requests if call == call_id or call not in self._calls]

    def _heard_of(self, request: Message) -> None:
        call = request.get("Call-ID")
        if request.method == "INVITE":
            self._calls.add(call)
        self._requests.append((call, f"{request.method} {request.body}"))

    def _called(self, call: IncomingCall) -> None:
        task = asyncio.create_task(self._answer(call) if self.answers else call.ringing())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, call: IncomingCall) -> None:
        sound = await self._sound()
        try:
            dialog = await call.answer(sound.sdp())
        except SipError:
            return
        sound.talk_to(call.offer)
        dialog.on_offer = lambda _offer: sound.sdp()
        self.answered.put_nowait(Person(self, dialog, sound))

    async def _sound(self) -> Sound:
        sound = Sound(self._codec)
        await sound.open()
        self.sounds.append(sound)
        return sound
