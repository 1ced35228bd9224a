"""The captures by name: who sends, and what happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from appliance.platforms.sandbox.centre.sound import hold_music
from tests.corpus import plays
from tests.corpus.plays import Stage
from tests.platforms.asterisk.server import Asterisk
from tests.platforms.asterisk.site import AsteriskSite, asterisk_site
from tests.platforms.asterisk.spying_site import SpyingSite
from tests.platforms.conftest import SITES
from tests.platforms.site import Site

MUSIC = "load = format_sln.so\n"
EVERY_THIRD = 3
"""Of 48 kHz, for a file of 16 kHz; the music has nothing above 2 kHz."""


@dataclass(frozen=True)
class Scene:
    """A call at *site*, in which *play* happens."""

    site: Callable[[Path], AbstractAsyncContextManager[Site]]
    play: Callable[[Stage], Awaitable[None]]


class MusicalSite(AsteriskSite):
    """Who is held hears music."""

    def __init__(self, server: Asterisk) -> None:
        super().__init__(server)
        server.more["modules.conf"] = MUSIC


@asynccontextmanager
async def _asterisk(
    directory: Path, kind: type[AsteriskSite] = MusicalSite, codecs: str = ""
) -> AsyncIterator[Site]:
    (directory / "moh").mkdir()
    (directory / "moh/music.sln16").write_bytes(hold_music(dbfs=-20.0)[::EVERY_THIRD].tobytes())
    async with asterisk_site(directory, kind, codecs) as site:
        yield site


def _at(codecs: str) -> Callable[[Path], AbstractAsyncContextManager[Site]]:
    return partial(_asterisk, codecs=codecs)


SCENES = {
    "asterisk-opus-mute": Scene(_at("opus"), plays.mute),
    "asterisk-opus-hold": Scene(_at("opus"), plays.hold),
    "asterisk-opus-transfer": Scene(_at("opus"), plays.transfer),
    "asterisk-opus-barge": Scene(_at("opus"), plays.barge),
    "asterisk-opus-suppress": Scene(_at("opus"), plays.suppress),
    "asterisk-opus-stall": Scene(_at("opus"), plays.stand_still),
    "asterisk-opus-outage": Scene(_at("opus"), plays.outage),
    "asterisk-pcmu-hold": Scene(_at("ulaw"), plays.hold),
    "asterisk-pcmu-barge": Scene(_at("ulaw"), plays.barge),
    "asterisk-pcma-transfer": Scene(_at("alaw"), plays.transfer),
    "asterisk-g722-hold": Scene(_at("g722"), plays.hold),
    "asterisk-pcma-outage": Scene(_at("alaw"), plays.outage),
    "asterisk-g722-stall": Scene(_at("g722"), plays.stand_still),
    "chanspy-opus-barge": Scene(partial(_asterisk, kind=SpyingSite), plays.barge),
    "chanspy-pcmu-suppress": Scene(
        partial(_asterisk, kind=SpyingSite, codecs="ulaw"), plays.suppress
    ),
    "sip-opus-hold": Scene(SITES["cxengage-sip"], plays.hold),
    "janus-mute": Scene(SITES["janus"], plays.mute),
    "janus-transfer": Scene(SITES["janus"], plays.transfer),
    "cxengage-transfer": Scene(SITES["cxengage"], plays.transfer),
    "sandbox-hold": Scene(SITES["sandbox"], plays.hold),
    "sandbox-barge": Scene(SITES["sandbox"], plays.barge),
}
