"""A Janus as a careful site runs it: with tokens, and over TLS with certificates of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.platforms.janus import wire
from appliance.platforms.protocol import PlatformConnection
from tests.platforms.desk import Desk, desk_at
from tests.platforms.janus.clients import administer
from tests.platforms.janus.server import ADMIN_KEY, HOST, WSS_PORT
from tests.platforms.janus.site import JanusSite, janus_site
from tests.platforms.measured import CUSTOMER_HZ, nothing_is_left
from tests.platforms.site import HEARD_DBFS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECURE = f"wss://{HOST}:{WSS_PORT}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def janus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JanusSite]:
    async with janus_site(tmp_path_factory.mktemp("janus")) as site:
        yield site


async def is_heard(site: JanusSite, desk: Desk) -> None:
    """A call can be listened to, from joining to leaving."""
    call = await site.call()
    handle, leg = await desk.join(call.id)
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    await desk.leave(handle)
    await nothing_is_left(site)
    await call.customer.hang_up()


async def test_a_certificate_that_changed_is_told_of_until_it_is_trusted(
    janus: JanusSite, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(janus.server.certificate.read_bytes())
    async with desk_at(janus, url=SECURE, tls_ca=trusted) as desk:
        await is_heard(janus, desk)
        await janus.stop()
        janus.server.renew_certificate()
        await janus.start()
        await desk.until(lambda: "tls_ca" in desk.of(PlatformConnection)[-1].detail, 20)
        failed = (await desk.driver.check())[-1]
        assert (failed.step, failed.passed) == ("tls", False)
        trusted.write_bytes(janus.server.certificate.read_bytes())
        await desk.until(desk.connected, 20)
        await is_heard(janus, desk)


@pytest.mark.parametrize(
    ("plugins", "fails_at"),
    [
        (None, "sign_in"),
        ([wire.VIDEOROOM], "media"),
        ([wire.VIDEOROOM, wire.AUDIOBRIDGE], None),
    ],
    ids=["unknown", "half", "enough"],
)
async def test_a_token_opens_what_it_may(
    janus: JanusSite, plugins: list[str] | None, fails_at: str | None
) -> None:
    token = f"token-for-{len(plugins or [])}"
    if plugins is not None:
        await administer("add_token", token=token, plugins=plugins)
    settings = {"api_secret": "", "token": token}
    last = (await janus.driver(**settings).check())[-1]
    if fails_at is None:
        assert last.passed
        async with desk_at(janus, **settings) as desk:
            await is_heard(janus, desk)
    else:
        assert (last.step, last.passed) == (fails_at, False)
        assert "token" in last.detail
        assert token not in last.detail


async def test_a_token_that_is_withdrawn_in_the_middle_is_told_of(janus: JanusSite) -> None:
    await administer("add_token", token="passing", plugins=[wire.VIDEOROOM, wire.AUDIOBRIDGE])
    async with desk_at(janus, api_secret="", token="passing") as desk:
        await administer("remove_token", token="passing")
        await desk.until(lambda: "token" in desk.of(PlatformConnection)[-1].detail)
        await asyncio.sleep(1.0)
        await administer("add_token", token="passing", plugins=[wire.VIDEOROOM, wire.AUDIOBRIDGE])
        await desk.until(desk.connected)


@asynccontextmanager
async def configured(site: JanusSite, plugin: str, general: str) -> AsyncIterator[None]:
    """A server that was started again with a plugin set up otherwise."""
    await site.stop()
    site.server.configure(plugin, f"general: {{ {general} }}")
    await site.start()
    try:
        yield
    finally:
        await site.stop()
        site.server.configure(plugin)
        await site.start()


@pytest.mark.parametrize(
    ("general", "named"),
    [
        ('admin_key = "another", string_ids = true', "admin_key"),
        (f'admin_key = "{ADMIN_KEY}"', "string_ids"),
    ],
    ids=["admin_key", "string_ids"],
)
async def test_a_plugin_that_is_set_up_wrongly_is_named(
    janus: JanusSite, general: str, named: str
) -> None:
    async with configured(janus, "audiobridge", general):
        failed = (await janus.driver().check())[-1]
        assert (failed.step, failed.passed) == ("permissions", False)
        assert "AudioBridge plugin made no room" in failed.detail
        assert named in failed.detail
        listening_only = await janus.driver(speaking=False).check()
        assert all(check.passed for check in listening_only), listening_only


async def test_rooms_with_numbers_for_names_are_told_of(janus: JanusSite) -> None:
    async with (
        desk_at(janus) as desk,
        configured(janus, "videoroom", f'admin_key = "{ADMIN_KEY}"'),
    ):
        control = janus.control
        await control.ask(control.rooms, request="create", room=1234, admin_key=ADMIN_KEY)
        await desk.until(lambda: "string_ids" in desk.of(PlatformConnection)[-1].detail)
        failed = (await desk.driver.check())[-1]
        assert (failed.step, failed.passed) == ("list", False)
        assert "string_ids" in failed.detail
