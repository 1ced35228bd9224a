"""ARI and the leg's connection over TLS, with an authority of the site's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.platforms.protocol import Check, PlatformConnection
from tests.platforms.asterisk.server import ADDRESS, Asterisk
from tests.platforms.asterisk.site import LEGS, PHONES, AsteriskSite
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS
from tests.support.certificates import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER_HZ = 700.0
TLS = f"{ADDRESS}:8089"


@dataclass(frozen=True)
class Secured:
    """An Asterisk with TLS; ``other`` is an authority that the box does not know."""

    site: AsteriskSite
    directory: Path
    authority: Authority
    other: Authority

    def settings(self, **more: object) -> dict[str, object]:
        addresses = {"url": f"https://{TLS}", "ws_url": f"wss://{TLS}/ws"}
        return {**addresses, "ca_file": str(self.authority.file), **more}

    def issue(self, authority: Authority, address: str = ADDRESS) -> None:
        """The certificate of the server's next start."""
        authority.issue(address)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    directory = tmp_path_factory.mktemp("tls")
    authorities = Authority(directory, "site"), Authority(directory, "other")
    certificate, key = authorities[0].issue(ADDRESS)
    server = Asterisk(
        tmp_path_factory.mktemp("asterisk"),
        {name: codec.asterisk for name, codec in PHONES.items()},
        LEGS,
    )
    server.more["http.conf"] = (
        f"tlsenable = yes\ntlsbindaddr = {TLS}\n"
        f"tlscertfile = {certificate}\ntlsprivatekey = {key}\n"
    )
    site = AsteriskSite(server)
    try:
        await site.start()
        yield Secured(site, directory, *authorities)
    finally:
        await site.leave()
        await site.admin.aclose()
        await server.kill()


def fault(desk: Desk) -> str:
    """What the driver says is wrong right now; nothing when all is well."""
    told = desk.of(PlatformConnection)
    return told[-1].detail if told and not told[-1].connected else ""


async def failed(secured: Secured, **more: object) -> Check:
    checks = await secured.site.driver(**secured.settings(**more)).check()
    assert all(check.passed for check in checks[:-1]), checks
    return checks[-1]


async def test_a_call_is_joined_and_heard(secured: Secured) -> None:
    async with desk_at(secured.site, **secured.settings()) as desk:
        call = await secured.site.call()
        handle, leg = await desk.join(call.id)
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        await desk.leave(handle)
        await call.customer.hang_up()


async def test_the_connection_test_walks_through(secured: Secured) -> None:
    checks = await secured.site.driver(**secured.settings()).check()
    assert all(check.passed for check in checks), checks
    assert [check.step for check in checks] == ["address", "tls", "sign_in", "list", "media"]


async def test_an_authority_that_nobody_named_is_not_trusted(secured: Secured) -> None:
    check = await failed(secured, ca_file=None)
    assert (check.step, check.passed) == ("tls", False)
    assert "not trusted" in check.detail
    assert "CA file" in check.detail


async def test_the_legs_own_connection_is_not_trusted_either(secured: Secured) -> None:
    check = await failed(secured, ca_file=None, url=f"http://{ADDRESS}:8088")
    assert (check.step, check.passed) == ("tls", False)
    assert f"wss://{TLS}" in check.detail


async def test_a_server_without_tls_is_named(secured: Secured) -> None:
    check = await failed(secured, url=f"https://{ADDRESS}:8088")
    assert (check.step, check.passed) == ("tls", False)
    assert "have TLS enabled" in check.detail


async def test_a_ca_file_that_is_none_is_named(secured: Secured) -> None:
    check = await failed(secured, ca_file="/nowhere.pem")
    assert (check.step, check.passed) == ("tls", False)
    assert "/nowhere.pem" in check.detail


@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_another_certificate_is_named_and_the_right_one_is_taken_up(
    secured: Secured, wrong: str
) -> None:
    words = {"authority": "not trusted", "name": "another name"}[wrong]
    async with desk_at(secured.site, **secured.settings()) as desk:
        await desk.until(desk.connected)
        await secured.site.stop()
        if wrong == "authority":
            secured.issue(secured.other)
        else:
            secured.issue(secured.authority, "10.77.0.99")
        await secured.site.start()
        await desk.until(lambda: words in fault(desk), 20)
        check = await failed(secured)
        assert check.step == "tls"
        assert words in check.detail
        await secured.site.stop()
        secured.issue(secured.authority)
        await secured.site.start()
        await desk.until(desk.connected, 20)
        call = await secured.site.call()
        handle, _ = await desk.join(call.id)
        await desk.leave(handle)
        await call.customer.hang_up()
