"""The WebSocket to the voice gateway: where it is, and how it is opened."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.trust import context_of, untrusted
from appliance.platforms.protocol import PlatformError

_frames = logging.getLogger(f"{__name__}.frames")
_frames.setLevel(logging.WARNING)  # at debug level it would write the token into the log

MOST_BYTES = 256 * 1024
"""Of one message; a longer one closes the connection."""
CONNECT_S = 5.0


def addresses(settings: CxEngageSettings, region: str) -> list[str]:
    """Where the gateway may be, in turn; *region* with a dash before it, or nothing."""
    edge = settings.voice_edge
    return [one.replace("{edge}", edge).replace("{region}", region) for one in settings.voice_urls]


def suffix_of(region: object) -> str:
    """How the extension's region stands in an address."""
    fits = isinstance(region, str) and re.fullmatch(r"[a-z0-9-]{1,32}", region)
    return f"-{region}" if fits and region != "default" else ""


async def open_socket(url: str, ca_file: Path | None) -> ClientConnection:
    """A connection to the gateway, within 5 s. Raises `PlatformError`."""
    context = await context_of(ca_file) if url.startswith("wss:") else None
    try:
        async with asyncio.timeout(CONNECT_S):
            return await connect(
                url,
                ssl=context,
                max_size=MOST_BYTES,
                compression=None,
                ping_interval=None,  # it has heartbeats of its own
                close_timeout=1.0,
                proxy=None,
                logger=_frames,
            )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise untrusted(error, "the voice gateway") or PlatformError(
            "The voice gateway of CxEngage cannot be reached; "
            "check that the network permits secure WebSockets to it.",
            code=EndReason.PLATFORM_LOST,
        ) from error
