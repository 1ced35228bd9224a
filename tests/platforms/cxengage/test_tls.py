"""Certificates of platform, queue and voice gateway: a private authority's, foreign, run out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.driver import CxEngageDriver
from appliance.platforms.protocol import Check, PlatformConnection
from tests.platforms.cxengage.helpers import CUSTOMER_HZ, desk, new_call
from tests.platforms.cxengage.process import StandinProcess, running_standin
from tests.platforms.desk import Desk
from tests.platforms.site import HEARD_DBFS
from tests.support.certificates import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "site")


@pytest.fixture
def foreign(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "foreign")


@asynccontextmanager
async def secured(directory: Path, tls: tuple[Path, Path]) -> AsyncIterator[StandinProcess]:
    directory.mkdir()
    async with running_standin(directory, tls=list(map(str, tls))) as standin:
        assert standin.url.startswith("https:")
        yield standin


async def checked(standin: StandinProcess, **settings: Any) -> list[Check]:
    return await CxEngageDriver(standin.driver_settings(**settings)).check()


async def test_a_private_authority_is_trusted_by_its_file(
    tmp_path: Path, site: Authority, foreign: Authority
) -> None:
    async with secured(tmp_path / "one", site.issue()) as standin:
        good = await checked(standin, ca_file=site.file)
        assert [check.step for check in good] == [
            "address",
            "tls",
            "sign_in",
            "permissions",
            "list",
            "media",
        ]
        assert all(check.passed for check in good)
        for ca_file in (None, foreign.file):
            bad = await checked(standin, ca_file=ca_file)
            assert [(check.step, check.passed) for check in bad] == [
                ("address", True),
                ("tls", False),
            ]
            assert "is not trusted" in bad[-1].detail
            assert "CA file" in bad[-1].detail
        call = await new_call(standin)
        async with desk(standin, ca_file=site.file) as found:
            handle, leg = await found.join(call.id)
            await call.customer.tone(CUSTOMER_HZ)
            await found.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
            await found.leave(handle)


@pytest.mark.parametrize(
    ("what", "step", "words"),
    [
        ("sqs_endpoint", "list", "The certificate of the queue of CxEngage is not trusted"),
        ("voice_urls", "media", "The certificate of the voice gateway is not trusted"),
    ],
    ids=["queue", "gateway"],
)
async def test_each_of_the_other_two_is_named(
    tmp_path: Path, site: Authority, foreign: Authority, what: str, step: str, words: str
) -> None:
    async with (
        secured(tmp_path / "one", site.issue()) as standin,
        secured(tmp_path / "other", foreign.issue()) as other,
    ):
        elsewhere = getattr(other.driver_settings(), what)
        bad = await checked(standin, ca_file=site.file, **{what: elsewhere})
        assert bad[-1].step == step
        assert bad[-1].detail.startswith(words)
        assert all(check.passed for check in bad[:-1])
        if what == "voice_urls":
            call = await new_call(standin)
            async with desk(standin, ca_file=site.file, voice_urls=elsewhere) as found:
                await found.lists(call.id)
                refusal = await found.refused(call.id)
                assert refusal.detail.startswith(words)
                assert refusal.code == EndReason.PLATFORM_LOST
                # The list goes on, but nobody should believe that a call could be joined.
                await found.until(lambda: not found.connected())
                assert found.of(PlatformConnection)[-1].detail.startswith(words)
                await call.customer.hang_up()
                await found.until(lambda: call.id not in found.interactions())


@pytest.mark.parametrize("how", ["foreign", "expired"])
async def test_a_changed_certificate_is_named_and_survived(
    tmp_path: Path, site: Authority, foreign: Authority, how: str
) -> None:
    good = site.issue()
    bad = foreign.issue() if how == "foreign" else site.issue(name="late", expired=True)
    async with (
        secured(tmp_path / "one", good) as standin,
        desk(standin, ca_file=site.file, request_timeout=1.0) as found,
    ):
        for certificate in (bad, good):
            await standin.kill()
            standin.change(tls=list(map(str, certificate)))
            await standin.start()
            wanted = certificate is good
            await found.until(lambda w=wanted: found.connected() is w, 60)  # type: ignore[misc]
            if not wanted:
                await found.until(
                    lambda: "is not trusted" in found.of(PlatformConnection)[-1].detail, 20
                )
                said = found.of(PlatformConnection)[-1].detail
                assert ("expired" in said) == (how == "expired")
        call = await new_call(standin)
        handle, _ = await found.join(call.id)
        await found.leave(handle)


async def test_a_ca_file_that_is_none_is_named_and_may_be_mended(
    tmp_path: Path, site: Authority
) -> None:
    file = tmp_path / "ca.pem"
    async with secured(tmp_path / "one", site.issue()) as standin:
        (check,) = await checked(standin, ca_file=file)
        assert (check.step, check.passed) == ("tls", False)
        assert str(file) in check.detail
        found = Desk(CxEngageDriver(standin.driver_settings(ca_file=file)))
        await found.driver.start(found.events.append)
        await found.until(lambda: bool(found.of(PlatformConnection)))
        assert str(file) in found.of(PlatformConnection)[0].detail
        file.write_bytes(site.file.read_bytes())
        await found.until(found.connected)
        await found.close()
