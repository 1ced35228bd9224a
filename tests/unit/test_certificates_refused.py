"""Uploads that are refused: told of their field, with OpenSSL's command as the authority."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.provisioning.certificates.errors import CertificateError
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.reading import Upload
from tests.support.certificate_site import (
    CA,
    SERVER,
    SiteAuthority,
    SiteBox,
    new_key,
    openssl,
)


@pytest.fixture
async def box(tmp_path: Path) -> SiteBox:
    return await SiteBox(tmp_path / "tls").begin()


@dataclass
class Wrong:
    """An upload that is refused: at which field, and with which words."""

    field: str
    words: str
    certificate: str = ""
    key: str = ""
    binary: bytes = b""


def wrongs(root: SiteAuthority, middle: SiteAuthority) -> dict[str, Wrong]:
    good, key = root.issue("box")
    other = new_key(root.path / "other.key").read_text()
    deep, deep_key = middle.issue("box")
    edwards, edwards_key = root.issue("box", kind="ed25519")
    made = {
        "empty": Wrong("certificate", "no certificate in it", "", key),
        "no PEM": Wrong("certificate", "no certificate in it", "hello", key),
        "garbled": Wrong("certificate", "does not understand", good.replace("MII", "AAA", 1), key),
        "a key as key's certificate": Wrong("key", "no private key in it", good, good),
        "no key": Wrong("key", "No request is open", good),
        "another's key": Wrong("key", "does not belong to", good, other),
        "two keys": Wrong("key", "one private key only", good, key + other),
        "key garbled": Wrong("key", "does not understand this key", good, key.replace("M", "A")),
        "stray": Wrong("certificate", "CN=site middle is not in the chain", good + middle.pem, key),
        "gap": Wrong("certificate", "issued by CN=site middle", deep + root.pem, deep_key),
        "no names": Wrong("certificate", "no subjectAltName", *root.issue()),
        "other names": Wrong("certificate", "reached as box, box.local", *root.issue("elsewhere")),
        "localhost": Wrong("certificate", "reached as", *root.issue("localhost", "127.0.0.1")),
        "client": Wrong("certificate", "not for a web server",
            *root.issue("box", extensions=SERVER.replace("server", "client"))),
        "SHA-1": Wrong("certificate", "weak hash", *root.issue("box", digest="sha1")),
        "RSA 1024": Wrong("certificate", "RSA 1024 bits", *root.issue("box", kind="1024")),
        "Ed25519": Wrong("key", "do not take this kind of key", edwards, edwards_key),
        "too many": Wrong("certificate", "at most 10", good * 11, key),
        "binary garbage": Wrong("certificate", "does not open", binary=b"\xff" * 99),
    }  # fmt: skip
    made["Ed25519 above"] = Wrong("certificate", "Ed25519", *_below_ed25519(root))
    return made


def _below_ed25519(root: SiteAuthority) -> tuple[str, str]:
    """A chain through an authority whose key browsers do not know."""
    key = new_key(root.path / "ed.key", "ed25519")
    asked = openssl("req", "-new", "-key", key, "-subj", "/CN=site ed")
    pem = root.sign(asked.decode(), extensions=CA)
    above = SiteAuthority(root.path, "odd", above=root)
    above.key, above.pem = key, pem
    above.file.write_text(pem)
    leaf_key = new_key(root.path / "below.key")
    request = openssl(
        "req", "-new", "-key", leaf_key, "-subj", "/CN=issued", "-addext", "subjectAltName=DNS:box"
    )
    extra = root.path / "extensions"
    extra.write_text(SERVER)
    leaf = openssl(
        "x509", "-req", "-CA", above.file, "-CAkey", key, "-CAcreateserial", "-days", "9",
        "-copy_extensions", "copyall", "-extfile", extra, given=request,
    ).decode()  # fmt: skip
    return leaf + pem, leaf_key.read_text()


async def refused(keeper: CertificateKeeper, wrong: Wrong) -> CertificateError:
    upload = Upload(wrong.certificate, wrong.key, binary=wrong.binary)
    with pytest.raises(CertificateError, match=wrong.words) as error:
        await keeper.install("tom", upload)
    return error.value


async def test_what_is_wrong_is_told_of_its_field_and_changes_nothing(
    box: SiteBox, root: SiteAuthority, middle: SiteAuthority
) -> None:
    await box.keeper.request("tom", ["box"])
    await box.keeper.withdraw("tom")
    before, now = box.files(), box.keeper.now
    box.audit.rows.clear()
    for name, wrong in wrongs(root, middle).items():
        error = await refused(box.keeper, wrong)
        assert error.fields == {wrong.field: error.detail}, name
        assert error.detail.endswith("."), name
    assert box.files() == before
    assert box.keeper.now is now
    assert box.actions() == []


async def test_neither_an_ended_nor_a_coming_certificate_is_taken(
    box: SiteBox, root: SiteAuthority
) -> None:
    leaf, key = root.issue("box")
    for ahead, words in ((timedelta(days=21), "ended on"), (-timedelta(days=1), "and it is")):
        box.ahead = ahead
        await refused(box.keeper, Wrong("certificate", words, leaf, key))


async def test_the_answer_to_a_request_of_another_box(
    box: SiteBox, root: SiteAuthority, tmp_path: Path
) -> None:
    other = SiteBox(tmp_path / "other")
    await other.keeper.begin()
    asked = await other.keeper.request("tom", ["box"])
    await box.keeper.request("tom", ["box"])
    wrong = Wrong("certificate", "not made for this box's request", root.sign(asked.pem()))
    await refused(box.keeper, wrong)
    assert box.keeper.pending is not None
