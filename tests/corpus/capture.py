"""Record the corpus: ``python -m tests.corpus.capture [NAME…]``, all captures without a name.

It needs what the platform tests need, and runs as they do, in ``tools/in-namespace``. What comes
is written to ``tests/corpus/streams`` together with the index.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from aiortc.rtp import RtpPacket

from tests.corpus import audio_bridge, chromium, index, rtpdump
from tests.corpus.plays import Stage
from tests.corpus.recording import Line, RecordingLeg
from tests.corpus.scenes import SCENES, Scene
from tests.corpus.senders import sender_of
from tests.platforms.desk import desk_at, new_handle
from tests.platforms.faults.network import ports_apart

FIRST_PACKETS = 5


async def record(scene: Scene) -> tuple[str, list[Line]]:
    """Play *scene* before a leg: who sent, and what came on each of its lines."""
    with tempfile.TemporaryDirectory() as directory:
        async with scene.site(Path(directory)) as site, desk_at(site) as desk:
            call = await site.call()
            await desk.lists(call.id)
            handle, leg = new_handle(), RecordingLeg(desk.driver.leg)
            try:
                with ports_apart():
                    await desk.driver.monitor(handle, call.id, "sue", leg)
                await desk.until(lambda: leg.received >= FIRST_PACKETS)
                await scene.play(Stage(site, desk, call, handle))
                sender = await sender_of(site)
                await desk.driver.leave(handle)
            finally:
                await leg.close()
    return sender, [leg.peer.lines[number] for number in sorted(leg.peer.lines)]


def keep(name: str, sender: str, happens: str, lines: list[Line]) -> None:
    """Write a capture for each line, and tell of them in the index."""
    entries = index.read()
    for number, line in enumerate(lines):
        begun = line.packets[0].at
        packets = line.first_at(begun)
        came = sorted({RtpPacket.parse(one.data).payload_type for one in packets})
        named = name if len(lines) == 1 else f"{name}-{number + 1}"
        rtpdump.write(index.path_of(named), packets)
        entries[named] = index.Entry(
            sender=sender,
            codecs={n: line.codecs[n].name if n in line.codecs else "" for n in came},
            happens=happens,
            packets=len(packets),
            seconds=round(packets[-1].at, 1),
            command=f'make corpus ARGS="{name}"',
        )
        octets = index.path_of(named).stat().st_size
        print(f"{named}: {len(packets)} packets, {octets} octets")
    index.write(entries)


Record = Callable[[], Awaitable[tuple[str, list[Line]]]]
RECORDS: dict[str, tuple[Record, str | None]] = {
    **{name: (partial(record, one), one.play.__doc__) for name, one in SCENES.items()},
    **{name: (partial(chromium.record, one), one.happens) for name, one in chromium.SCENES.items()},
    "janus-audiobridge": (audio_bridge.record, audio_bridge.record.__doc__),
}
"""Every capture, and what happens in it."""


async def main() -> None:
    """The captures that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.capture")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RECORDS))
    for name in parser.parse_args().names or RECORDS:
        make, happens = RECORDS[name]
        sender, lines = await make()
        keep(name, sender, happens or "", lines)


if __name__ == "__main__":
    asyncio.run(main())
