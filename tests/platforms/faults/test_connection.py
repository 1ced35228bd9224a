"""The way to the platform fails in the middle of a session, at its very edge."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from appliance.control_link.words import Audience
from appliance.platforms.protocol import PlatformError
from tests.platforms.faults.session import NOTICED_S, in_session
from tests.platforms.measured import SUPERVISOR_HZ, supervisor_heard_by
from tests.platforms.site import SILENT_DBFS, Site
from tests.support.certificates import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATE_S = 10.0
ADDRESSES = "127.0.0.1", "10.77.0.1"
"""Of all sites' servers."""
SEEN_S = 1.0
"""A broken connection has been seen by then."""


async def test_a_cut_connection_is_made_again(site: Site) -> None:
    async with in_session(site) as session:
        before = session.relay.carried
        session.relay.cut()
        assert session.relay.done["cut"]
        await asyncio.sleep(SEEN_S)
        assert session.relay.carried > before
        await session.desk.until(session.desk.connected)
        await session.is_heard_on()
        await session.is_back()


async def test_a_link_that_is_down_is_told_and_nothing_waits_for_ever(site: Site) -> None:
    async with in_session(site) as session:
        session.leg.track.hz = SUPERVISOR_HZ
        with session.relay.darkness():
            await session.complaint()
            with pytest.raises(PlatformError, match=r"\.$"):
                async with asyncio.timeout(NOTICED_S):
                    await session.desk.driver.set_audience(session.handle, Audience.EVERYONE)
            assert max(await supervisor_heard_by(session.call)) < SILENT_DBFS
        await session.is_back()


async def test_answers_that_are_late_are_told(site: Site) -> None:
    async with in_session(site) as session:
        session.relay.delay_s = LATE_S
        await session.complaint()
        await asyncio.sleep(LATE_S)
        assert not session.desk.connected()
        session.relay.delay_s = 0.0
        await session.is_back()


async def test_a_refusal_in_mid_session_is_told(site: Site) -> None:
    async with in_session(site) as session:
        session.relay.refuses = "401 Unauthorized"
        session.relay.cut()
        await session.complaint(r"401|user and password")
        session.relay.refuses = ""
        await session.is_back()


async def test_another_certificate_is_not_trusted(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, stranger = Authority(tmp_path, "trusted"), Authority(tmp_path, "stranger")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.file))
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(*trusted.issue(*ADDRESSES))
    async with in_session(site, shown) as session:
        shown.load_cert_chain(*stranger.issue(*ADDRESSES))
        session.relay.cut()
        await session.complaint(r"[Cc]ertificate")
        shown.load_cert_chain(*trusted.issue(*ADDRESSES))
        await session.is_back()
