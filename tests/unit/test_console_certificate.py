"""The page's certificate over real TLS: from the first second, exchanged while streams run."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError

from appliance.console.api_client import Access, ApiError, UnreachableError, call
from appliance.console.settings import ConsoleSettings
from appliance.platforms import trust
from tests.support.certificate_site import SiteAuthority, openssl
from tests.support.console_served import Served, served
from tests.support.console_world import World, make_world

TOM = {"Authorization": "Bearer token-tom"}
SAM = {"Authorization": "Bearer token-sam"}
API = "/api/v1/certificate"
FORGED = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteAuthority:
    return SiteAuthority(tmp_path_factory.mktemp("site"))


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def server(world: World) -> Iterator[Served]:
    with served(world, https="on") as server:
        yield server
    trust.believe_too("")


def only(server: Served) -> ssl.SSLContext:
    """Trusts what the box shows now, as a person who compared the fingerprint."""
    address = urlsplit(server.url)
    pem = ssl.get_server_certificate((str(address.hostname), int(address.port or 0)))
    return ssl.create_default_context(cadata=pem)


def at(server: Served, trusted: ssl.SSLContext, who: dict[str, str] = TOM) -> httpx.Client:
    return httpx.Client(base_url=server.url, verify=trusted, headers=who, timeout=20)


def shown(server: Served, name: str | None = None) -> str:
    """SHA-256 of the certificate that a new connection meets."""
    address = urlsplit(server.url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raw = socket.create_connection((address.hostname, address.port), 20)
    with context.wrap_socket(raw, server_hostname=name) as connection:
        return hashlib.sha256(connection.getpeercert(True) or b"").hexdigest().upper()


def plain(fingerprint: str) -> str:
    return fingerprint.replace(":", "")


@pytest.mark.parametrize(
    ("settings", "secure"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "127.0.0.2"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "192.0.2.7"}, True),
        ({"host": "box.example.org"}, True),
        ({"host": "0.0.0.0", "https": "off"}, False),
        ({"https": "on"}, True),
        ({"tls_certificate": "c", "tls_key": "k"}, True),
    ],
)
def test_auto_is_https_wherever_others_reach_the_page(
    settings: dict[str, str], secure: bool
) -> None:
    assert ConsoleSettings.model_validate(settings).secure is secure


def test_a_certificate_for_no_https_is_a_contradiction() -> None:
    with pytest.raises(ValidationError, match="leave tls_certificate and tls_key out"):
        ConsoleSettings.model_validate({"https": "off", "tls_certificate": "c", "tls_key": "k"})


def test_the_first_answer_is_over_https_with_the_box_s_own(server: Served) -> None:
    assert server.url.startswith("https://")
    with at(server, only(server)) as client:
        answer = client.get(API)
        assert "strict-transport-security" not in answer.headers
    told = answer.json()
    assert (told["https"], told["origin"], told["fault"]) == (True, "own", "")
    assert plain(told["certificate"]["fingerprint"]) == shown(server)
    assert told["reached_as"] == ["box", "box.local", "localhost", "127.0.0.1"]
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(server.url)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(server: Served, version: ssl.TLSVersion) -> None:
    context = only(server)
    context.minimum_version = context.maximum_version = version
    with at(server, context) as client:
        assert client.get("/healthz").status_code == 200


def test_older_tls_is_refused(server: Served) -> None:
    context = only(server)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with at(server, context) as client, pytest.raises(httpx.ConnectError, match="SSL"):
        client.get("/healthz")
    ours = server.world.certificates.now.context
    assert ours.minimum_version == ssl.TLSVersion.TLSv1_2  # whatever the system's OpenSSL allows


def test_a_new_certificate_serves_new_connections_and_disturbs_no_stream(
    server: Served, site: SiteAuthority
) -> None:
    own = only(server)
    believed = ssl.create_default_context(cafile=str(site.file))
    with at(server, own) as client, at(server, own, SAM) as watcher:
        with watcher.stream("GET", "/api/v1/events") as events:
            lines = events.iter_lines()
            assert next(line for line in lines if line.startswith("event: snapshot"))
            asked = client.post(f"{API}/request", json={"names": ["127.0.0.1", "box7.site"]})
            assert asked.status_code == 201
            file = client.get(f"{API}/request")
            assert file.headers["content-disposition"].startswith("attachment")
            assert file.text == asked.json()["pem"]
            answer = client.put(API, json={"certificate": site.sign(file.text)})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert (told["origin"], told["request"]) == ("uploaded", None)
            assert shown(server) == plain(told["certificate"]["fingerprint"])
            for _ in range(2):
                assert next(line for line in lines if line.startswith("event: beat"))
            assert client.get("/healthz").status_code == 200  # on its old connection
            with at(server, believed) as fresh:
                assert fresh.get(API).headers["strict-transport-security"].startswith("max-age=17")
                host = {"Host": "box7.site"}
                assert fresh.get(API, headers=host).status_code == 200
                assert fresh.get(API, headers={"Host": "other.site"}).status_code == 421
            with at(server, own) as stale, pytest.raises(httpx.ConnectError):
                stale.get("/healthz")
            told = client.delete(API).json()
            assert told["origin"] == "own"
            assert shown(server) == plain(told["certificate"]["fingerprint"])
            assert next(line for line in lines if line.startswith("event: beat"))
        with at(server, only(server)) as fresh:
            refused = fresh.get(API, headers={"Host": "box7.site"})
            assert refused.status_code == 421
    actions = [(row.actor, row.action) for row in server.world.audit.rows][-4:]
    assert actions == [
        ("bargebox", "certificate_made"),
        ("tom", "certificate_requested"),
        ("tom", "certificate_uploaded"),
        ("tom", "certificate_reset"),
    ]


def test_what_is_wrong_is_told_at_its_field_and_repeats_no_secret(
    server: Served, site: SiteAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    good, key = site.issue("box")
    packed = base64.b64encode(b"\x30\x82").decode()
    before = shown(server)
    with at(server, only(server)) as client:
        for body, field in (
            ({"certificate": good}, "key"),
            ({"certificate": good, "key": FORGED}, "key"),
            ({"certificate": "", "key": key}, "certificate"),
            ({"binary": packed, "password": "hunter2"}, "password"),
            ({"binary": "%"}, "binary"),
            ({"certificate": good, "kez": key}, "kez"),
        ):
            answer = client.put(API, json=body)
            assert answer.status_code == 422
            assert list(answer.json()["fields"]) == [field]
            assert "hunter2" not in answer.text
            assert "PRIVATE" not in answer.text
        answer = client.post(f"{API}/request", json={"names": ["http://box"]})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["names"])
        assert client.get(f"{API}/request").status_code == 404
        assert client.delete(API).json()["code"] == "certificate_state"
        assert client.delete(f"{API}/request").status_code == 409
    assert shown(server) == before
    assert "hunter2" not in caplog.text


def test_authorities_over_the_api(server: Served, site: SiteAuthority) -> None:
    with at(server, only(server)) as client:
        path = f"{API}/authorities"
        assert client.get(path).json() == {"items": [], "fault": ""}
        assert client.post(path, json={"certificate": "x"}).status_code == 422
        (item,) = client.post(path, json={"certificate": site.pem}).json()["items"]
        assert item["subject"] == "CN=site root"
        assert client.delete(f"{path}/AB:CD").status_code == 404
        assert client.delete(f"{path}/{item['fingerprint'].lower()}").json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("PUT", ""), ("DELETE", ""),
        ("GET", "/request"), ("POST", "/request"), ("DELETE", "/request"),
        ("GET", "/authorities"), ("POST", "/authorities"), ("DELETE", "/authorities/AB"),
    ],
)  # fmt: skip
def test_only_who_manages_the_device_may(server: Served, method: str, path: str) -> None:
    with at(server, only(server), SAM) as client:
        assert client.request(method, API + path, json={}).status_code == 403


def test_the_gauge_and_the_settings_file_s_files(
    site: SiteAuthority, tmp_path: Path, world: World
) -> None:
    leaf, key = site.issue("127.0.0.1")
    for name, text in (("cert", leaf), ("key", key)):
        (tmp_path / name).write_text(text)
    with served(world, tls_certificate=tmp_path / "cert", tls_key=tmp_path / "key") as server:
        believed = ssl.create_default_context(cafile=str(site.file))
        with at(server, believed) as client:
            told: dict[str, Any] = client.get(API).json()
            assert (told["origin"], told["ends_soon"]) == ("file", True)
            answer = client.post(f"{API}/request", json={"names": ["box"]})
            assert (answer.status_code, answer.json()["code"]) == (409, "certificate_state")
            metrics = client.get("/metrics").text
    (line,) = (
        line for line in metrics.splitlines() if line.startswith("bargebox_certificate_expires")
    )
    assert float(line.split()[1]) == pytest.approx(20 * 86400, abs=200)


def test_no_gauge_without_https(world: World) -> None:
    with served(world) as server:
        metrics = httpx.get(f"{server.url}/metrics", headers=TOM).text
        assert "\nbargebox_certificate_expires_seconds" not in metrics
        assert httpx.get(f"{server.url}{API}", headers=TOM).json()["https"] is False


def test_the_command_line_pins_the_certificate_and_tells_nobody_else(
    server: Served, world: World
) -> None:
    pin = shown(server)
    for written in (pin, world.certificates.now.facts.fingerprint, pin.lower()):
        answer = call(Access(server.url, "token-tom", written), "GET", "/certificate")
        assert answer["origin"] == "own"
    wrong = ("0" if pin[0] != "0" else "1") + pin[1:]
    verify = world.accounts.verify_token
    heard: list[str] = []

    async def hear(token: str) -> Any:
        heard.append(token)
        return await verify(token)

    world.accounts.verify_token = hear  # type: ignore[method-assign]
    for access, words in (
        (Access(server.url, "token-tom", wrong), "another one"),
        (Access(server.url, "token-tom"), "with --fingerprint"),
    ):
        with pytest.raises(UnreachableError, match=words):
            call(access, "GET", "/certificate")
    assert heard == []
    with pytest.raises(ApiError) as refused:
        call(Access(server.url, "token-sam", pin), "GET", "/certificate")
    assert refused.value.code == "not_permitted"


def test_the_api_is_told_of_what_openssl_sees(server: Served) -> None:
    address = urlsplit(server.url)
    target = f"{address.hostname}:{address.port}"
    seen = openssl("s_client", "-connect", target, "-showcerts", given=b"")
    told = openssl("x509", "-noout", "-fingerprint", "-sha256", given=seen).decode()
    facts = json.loads(httpx.get(f"{server.url}{API}", headers=TOM, verify=only(server)).text)
    assert told.strip().split("=")[1] == facts["certificate"]["fingerprint"]
