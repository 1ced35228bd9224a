"""Accidents of the platform itself, and of the network under all of it, media included."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.platforms.faults.network import no_link
from tests.platforms.faults.session import in_session
from tests.platforms.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOPPED_S = 15.0


async def test_a_stopped_server_is_told_and_goes_on(site: Site) -> None:
    async with in_session(site) as session:
        os.kill(site.pid(), signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_S)
            assert session.complaints()
            assert not session.desk.connected()
        finally:
            os.kill(site.pid(), signal.SIGCONT)
        await session.regroup()
        await session.is_back()


async def test_a_network_without_a_link_is_survived(site: Site) -> None:
    async with in_session(site) as session:
        async with no_link():
            await asyncio.sleep(STOPPED_S)
        await session.regroup()
        await session.is_back()


async def test_a_killed_server_is_missed_until_it_is_there_again(site: Site) -> None:
    async with in_session(site) as session:
        await site.stop()
        await session.complaint()
        await asyncio.sleep(1.0)
        await site.start()
        await session.is_back()
