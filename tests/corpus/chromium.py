"""Captures of a real Chromium, as an agent's page would send; the leg answers its offer."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.platforms.protocol import LegNeeds
from appliance.platforms.sandbox.centre.sound import RATE
from appliance.platforms.sandbox.centre.speech import make_line
from tests.bench.sound.receivers.chromium import Chromium
from tests.corpus.recording import LIMIT_S, Line, RecordingLeg

SCRIPT = Path(__file__).with_name("chromium.js")
VOICE, TEXT = "en-gb", "Thank you for calling. How may I help you?"


class Mouth(Chromium):
    """The browser, and what its page can do."""

    async def speak(self) -> None:
        """Have a voice, and a connection that is not up yet."""
        await self.page.add_script_tag(content=SCRIPT.read_text())
        sound = base64.b64encode(make_line(VOICE, TEXT).tobytes()).decode()
        url = f"data:application/octet-stream;base64,{sound}"
        await self.page.evaluate("([url, rate]) => open_mouth(url, rate)", [url, RATE])

    async def call(self, what: str, argument: object) -> str:
        """One of the script's functions."""
        answer: str = await self.page.evaluate(f"(argument) => {what}(argument)", argument)
        return answer

    async def version(self) -> str:
        """Of the browser."""
        assert self.page.context.browser is not None
        return f"Chromium {self.page.context.browser.version}"


async def mute(mouth: Mouth) -> None:
    """The page mutes its microphone and is heard again."""
    await asyncio.sleep(2.0)
    for on in (True, False):
        await mouth.call("mute", on)
        await asyncio.sleep(1.5)


async def pause(mouth: Mouth) -> None:
    """The sender is switched off for 1.2 s, so that no packet comes, and on again."""
    await asyncio.sleep(2.0)
    for on in (False, True):
        await mouth.call("active", on)
        await asyncio.sleep(1.2)
    await asyncio.sleep(0.6)


async def keys(mouth: Mouth) -> None:
    """Keys are pressed while it speaks: telephone events in between (RFC 4733)."""
    await asyncio.sleep(1.5)
    await mouth.call("press", "15#")
    await asyncio.sleep(2.0)


@dataclass(frozen=True)
class Scene:
    """What happens in a call with Chromium in *codec*; *dtx*: it shall pause in silence."""

    codec: str
    play: Callable[[Mouth], Awaitable[None]]
    dtx: bool = False

    @property
    def happens(self) -> str:
        """In words."""
        return f"{self.play.__doc__}{' Silence is hardly sent.' if self.dtx else ''}"


SCENES = {
    "chromium-opus-mute": Scene("OPUS", mute),
    "chromium-opus-dtx": Scene("OPUS", mute, dtx=True),
    "chromium-opus-pause": Scene("OPUS", pause),
    "chromium-opus-keys": Scene("OPUS", keys),
    "chromium-pcmu-noise": Scene("PCMU", mute, dtx=True),
    "chromium-pcma-keys": Scene("PCMA", keys),
    "chromium-g722-pause": Scene("G722", pause),
}


def also_agree(answer: str, offer: str, *, dtx: bool) -> str:
    """Our *answer* as of one who takes keys too, and wants silence not to be sent: as a gateway
    between Chromium and the leg would have it.
    """
    wanted = r"telephone-event/\d+" + (r"|CN/8000" if dtx else "")
    more = re.findall(rf"(?m)^a=rtpmap:(\d+) ((?:{wanted})\r?)$", offer)
    for number, name in more:
        answer = re.sub(r"(?m)^(m=audio [^\r]*)", rf"\1 {number}", answer, count=1)
        answer += f"a=rtpmap:{number} {name.strip()}\r\n"
    opus = re.search(r"a=rtpmap:(\d+) opus/48000/2", answer)
    if dtx and opus is not None:
        fmtp = f"a=fmtp:{opus[1]} "
        answer = answer.replace(fmtp, f"{fmtp}usedtx=1;")
        if fmtp not in answer:
            answer += f"{fmtp}usedtx=1\r\n"
    return answer


async def record(scene: Scene) -> tuple[str, list[Line]]:
    """As `tests.corpus.capture.record`."""
    mouth, leg = Mouth(), RecordingLeg(LegNeeds(direction="recvonly"))
    try:
        await mouth.start()
        await mouth.speak()
        offer = await mouth.call("offer", scene.codec)
        answer = await leg.answer(offer)
        await mouth.call("accept", also_agree(answer, offer, dtx=scene.dtx))
        await leg.peer.until_up(LIMIT_S)
        await scene.play(mouth)
        return await mouth.version(), [leg.peer.lines[0]]
    finally:
        await leg.close()
        await mouth.stop()
