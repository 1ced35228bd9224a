"""The platform, or whoever is in its place, says what nobody should."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from tests.platforms.faults.memory import growth
from tests.platforms.faults.session import in_session
from tests.platforms.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

MB = 1024 * 1024
ENORMOUS = 100 * MB
BOUND = 64 * MB
"""The longest answer that a driver takes is 32 MB, and a buffer that grows is copied."""
A_WHILE_S = 3.0
SPEAK_HTTP = ("asterisk", "cxengage", "cxengage-sip")
"""With whom there are answers to compress; a WebSocket of ours takes none that is compressed."""


async def test_garbage_is_survived(site: Site) -> None:
    async with in_session(site) as session:
        await session.relay.garble()
        await asyncio.sleep(A_WHILE_S)
        assert session.relay.done["said"] + session.relay.done["answered"] > 5
        session.relay.garbles = False
        await session.is_back()


async def test_an_enormous_message_is_not_taken_in(site: Site) -> None:
    async with in_session(site) as session:
        with growth() as grown:
            await session.relay.bloat(ENORMOUS)
            await asyncio.sleep(A_WHILE_S)
        assert session.relay.done["said"] + session.relay.done["answered"]
        session.relay.bloats = 0
        assert grown.bytes < BOUND
        await session.is_back()


async def test_a_compressed_answer_is_not_blown_up(site: Site) -> None:
    bomb = gzip.compress(bytes(ENORMOUS))
    async with in_session(site) as session:
        session.relay.bursts = bomb
        with growth() as grown:
            session.relay.cut()
            await asyncio.sleep(A_WHILE_S)
        session.relay.bursts = b""
        assert bool(session.relay.done["answered"]) is (site.name in SPEAK_HTTP)
        assert grown.bytes < BOUND
        await session.is_back()
