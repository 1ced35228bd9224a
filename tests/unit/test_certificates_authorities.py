"""Authorities of the site: believed from the next connection on, shown, and forgotten again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.monitoring.audit import AuditUnwritableError
from appliance.platforms import trust
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.trust import tls_context
from appliance.platforms.cxengage.trust import context_of
from appliance.platforms.janus.link import Link, TlsError
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sandbox.link import Link as SandboxLink
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.errors import CertificateError, CertificateStateError
from appliance.provisioning.certificates.folder import CertificateFolder
from tests.support.certificate_site import SiteAuthority, SiteBox, openssl


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    trust.believe_too("")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteAuthority:
    return SiteAuthority(tmp_path_factory.mktemp("site"))


@pytest.fixture
def box(tmp_path: Path) -> SiteBox:
    return SiteBox(tmp_path / "tls")


@pytest.fixture
async def authorities(box: SiteBox) -> Authorities:
    return await again(box)


async def again(box: SiteBox) -> Authorities:
    """As after a restart."""
    folder = CertificateFolder(box.path)
    await asyncio.to_thread(folder.begin)
    made = Authorities(folder, box.audit)
    await made.begin()
    return made


@pytest.fixture
async def port(site: SiteAuthority, tmp_path: Path) -> AsyncIterator[int]:
    """A server of the site's, with a certificate that only the site's authority vouches for."""
    leaf, key = site.issue("127.0.0.1")
    (tmp_path / "server.pem").write_text(leaf + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"HTTP/1.1 418 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def reached(port: int, context: ssl.SSLContext | None) -> bool:
    assert context is not None
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_a_driver_s_next_connection_believes_it(
    authorities: Authorities, box: SiteBox, site: SiteAuthority, port: int
) -> None:
    wss = f"wss://127.0.0.1:{port}"
    asterisk = AsteriskSettings(url=f"https://127.0.0.1:{port}", ws_url=wss)

    async def seen() -> list[bool]:
        contexts = [await tls_context(asterisk), await context_of(None)]
        found = [await reached(port, context) for context in contexts]
        with pytest.raises(PlatformError) as janus:
            await Link.open(JanusSettings(url=wss))
        with pytest.raises(PlatformError) as sandbox:
            await SandboxLink.open(wss, 5)
        return [
            *found,
            not isinstance(janus.value, TlsError) and "(418)" in janus.value.detail,
            "(418)" in sandbox.value.detail,
        ]

    assert await seen() == [False] * 4
    await authorities.add("tom", site.pem)
    assert await seen() == [True] * 4
    (facts,) = (await again(box)).trusted
    assert await seen() == [True] * 4
    told = openssl("x509", "-in", site.file, "-noout", "-fingerprint", "-sha256").decode()
    assert told.strip().split("=")[1] == facts.fingerprint
    assert facts.subject == "CN=site root"
    await authorities.remove("tom", facts.fingerprint)
    assert await seen() == [False] * 4
    assert box.actions() == [("tom", "authority_trusted"), ("tom", "authority_removed")]
    assert (await again(box)).trusted == []
    assert (await again(box)).fault == ""


async def test_a_file_that_the_settings_name_is_believed_alone(
    authorities: Authorities, site: SiteAuthority, port: int, tmp_path: Path
) -> None:
    other = SiteAuthority(tmp_path / "other")
    await authorities.add("tom", site.pem)
    assert not await reached(port, await context_of(other.file))
    await authorities.add("tom", other.pem)
    assert len(authorities.trusted) == 2
    assert await reached(port, await context_of(None))


async def test_the_system_s_authorities_stay_believed(
    authorities: Authorities, site: SiteAuthority
) -> None:
    before = {one["serialNumber"] for one in trust.client_context().get_ca_certs()}
    await authorities.add("tom", site.pem)
    after = {one["serialNumber"] for one in trust.client_context().get_ca_certs()}
    assert before < after
    assert len(after - before) == 1


async def test_only_roots_are_taken_and_each_once(
    authorities: Authorities, box: SiteBox, site: SiteAuthority
) -> None:
    middle = SiteAuthority(site.path, "middle", above=site)
    await authorities.add("tom", site.pem)
    box.audit.rows.clear()
    before = authorities.trusted
    for text, words in {
        "": "no certificate in it",
        site.issue("box")[0]: "a server's certificate and no authority's",
        middle.pem: "CN=site middle is issued by CN=site root",
        site.pem: "believes it already",
        site.pem * 11: "at most 10",
        site.pem + site.issue("box")[0]: "no authority's",
    }.items():
        with pytest.raises(CertificateError, match=words) as refused:
            await authorities.add("tom", text)
        assert set(refused.value.fields) == {"certificate"}
    with pytest.raises(CertificateStateError) as unknown:
        await authorities.remove("tom", "AB:CD")
    assert unknown.value.code == "not_found"
    assert authorities.trusted == before
    assert box.actions() == []


async def test_an_ended_authority_is_not_taken(box: SiteBox, site: SiteAuthority) -> None:
    await again(box)
    late = Authorities(
        CertificateFolder(box.path), box.audit, clock=lambda: datetime.now(UTC) + timedelta(days=40)
    )
    with pytest.raises(CertificateError, match="ended on"):
        await late.add("tom", site.pem)


async def test_a_damaged_file_is_told_and_nobody_is_believed(
    authorities: Authorities, box: SiteBox, site: SiteAuthority, port: int
) -> None:
    await authorities.add("tom", site.pem)
    (box.path / "authorities.pem").write_text(site.pem[:200])
    damaged = await again(box)
    assert "cannot be read" in damaged.fault
    assert damaged.trusted == []
    assert not await reached(port, await context_of(None))
    await damaged.add("tom", site.pem)
    assert damaged.fault == ""
    assert await reached(port, await context_of(None))


async def test_what_cannot_go_on_record_does_not_happen(
    authorities: Authorities, box: SiteBox, site: SiteAuthority
) -> None:
    box.audit.fail_with = AuditUnwritableError("The disk is full.")
    with pytest.raises(AuditUnwritableError):
        await authorities.add("tom", site.pem)
    assert authorities.trusted == []
    assert not (box.path / "authorities.pem").exists()
