"""Requests and uploads, with OpenSSL's command as the authority; nothing wrong changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.monitoring.audit import AuditUnwritableError
from appliance.provisioning.certificates.errors import CertificateError, CertificateStateError
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

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> SiteAuthority:
    return SiteAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def middle(root: SiteAuthority) -> SiteAuthority:
    return SiteAuthority(root.path, "middle", above=root)


@pytest.fixture
async def box(tmp_path: Path) -> SiteBox:
    box = SiteBox(tmp_path / "tls")
    await box.keeper.begin()
    box.audit.rows.clear()
    return box


def files(box: SiteBox) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in box.path.iterdir()}


@pytest.mark.parametrize("kind", ["ec", "rsa"])
async def test_a_request_is_answered_by_an_authority(
    box: SiteBox, root: SiteAuthority, kind: str
) -> None:
    asked = await box.keeper.request("tom", ["box7.example.org", "192.0.2.7"], kind)  # type: ignore[arg-type]
    told = openssl("req", "-noout", "-verify", "-text", given=asked.pem().encode()).decode()
    assert "DNS:box7.example.org, IP Address:192.0.2.7" in told
    assert "CN = box7.example.org" in told
    assert "PRIVATE" not in asked.pem()
    assert (box.path / "request.pem").stat().st_mode & 0o777 == 0o600
    now = await box.keeper.install("tom", Upload(root.sign(asked.pem())))
    assert (now.origin, now.facts.issuer) == ("uploaded", "CN=site root")
    assert now.facts.names == ("box7.example.org", "192.0.2.7")
    assert box.keeper.pending is None
    assert set(files(box)) == {"own.pem", "uploaded.pem"}
    assert box.actions() == [("tom", "certificate_requested"), ("tom", "certificate_uploaded")]
    assert "PRIVATE" not in "".join(row.detail for row in box.audit.rows)
    assert box.keeper.answers_to("box7.example.org")
    assert not box.keeper.answers_to("box8.example.org")
    assert box.keeper.insist_s() == pytest.approx(20 * 86400, abs=100)
    assert box.keeper.ends_soon()


async def test_a_request_outlasts_a_restart_and_knows_its_key(
    box: SiteBox, root: SiteAuthority
) -> None:
    asked = await box.keeper.request("tom", ["box7.example.org"])
    await box.keeper_again().begin()
    assert box.keeper.pending is not None
    assert box.keeper.pending.pem() == asked.pem()
    assert box.keeper.pending.names == ("box7.example.org",)
    await box.keeper.install("tom", Upload(root.sign(asked.pem())))
    await box.keeper_again().begin()
    assert box.keeper.now.origin == "uploaded"
    assert box.keeper.pending is None


async def test_a_request_is_not_lost_by_a_second_one(box: SiteBox) -> None:
    asked = await box.keeper.request("tom", ["box7.example.org"])
    with pytest.raises(CertificateStateError, match="withdraw it first"):
        await box.keeper.request("tom", ["box8.example.org"])
    assert box.keeper.pending == asked
    await box.keeper.withdraw("tom")
    assert set(files(box)) == {"own.pem"}
    with pytest.raises(CertificateStateError, match="No request is open"):
        await box.keeper.withdraw("tom")
    await box.keeper.request("tom", ["box8.example.org"])
    assert [action for _, action in box.actions()] == [
        "certificate_requested",
        "certificate_request_withdrawn",
        "certificate_requested",
    ]


async def test_a_renewed_certificate_of_the_same_key_needs_no_request(
    box: SiteBox, root: SiteAuthority
) -> None:
    asked = await box.keeper.request("tom", ["box7.example.org"])
    first = await box.keeper.install("tom", Upload(root.sign(asked.pem())))
    second = await box.keeper.install("tom", Upload(root.sign(asked.pem(), days="25")))
    assert second.facts.key_fingerprint == first.facts.key_fingerprint
    assert second.facts.valid_until > first.facts.valid_until


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
async def test_a_chain_is_put_in_order(
    box: SiteBox, root: SiteAuthority, middle: SiteAuthority, order: tuple[int, ...]
) -> None:
    leaf, key = middle.issue("box.local")
    parts = [leaf, middle.pem, root.pem]
    chain = "some words\n" + "".join(parts[n] for n in order)
    now = await box.keeper.install("tom", Upload(chain, key))
    subjects = [one.subject.rfc4514_string() for one in now.chain]
    assert subjects == ["CN=issued", "CN=site middle", "CN=site root"]


@pytest.mark.parametrize("kind", ["ec", "2048"])
async def test_a_pkcs12_file_opens_with_its_password(
    box: SiteBox, middle: SiteAuthority, tmp_path: Path, kind: str
) -> None:
    leaf, key = middle.issue("box", kind=kind)
    (tmp_path / "leaf.pem").write_text(leaf + key)
    packed = openssl(
        "pkcs12", "-export", "-in", tmp_path / "leaf.pem", "-certfile", middle.file,
        "-passout", f"pass:{PASSWORD}",
    )  # fmt: skip
    for password in ("", "wrong"):
        with pytest.raises(CertificateError, match="does not open") as refused:
            await box.keeper.install("tom", Upload(binary=packed, password=password))
        assert set(refused.value.fields) == {"password"}
    now = await box.keeper.install("tom", Upload(binary=packed, password=PASSWORD))
    assert [one.subject.rfc4514_string() for one in now.chain] == ["CN=issued", "CN=site middle"]


async def test_a_der_certificate_answers_a_request(box: SiteBox, root: SiteAuthority) -> None:
    asked = await box.keeper.request("tom", ["box"])
    der = openssl("x509", "-outform", "DER", given=root.sign(asked.pem()).encode())
    assert (await box.keeper.install("tom", Upload(binary=der))).origin == "uploaded"


async def test_an_encrypted_key_wants_its_password(
    box: SiteBox, root: SiteAuthority, tmp_path: Path
) -> None:
    leaf, key = root.issue("box")
    (tmp_path / "key").write_text(key)
    locked = openssl(
        "pkey", "-in", tmp_path / "key", "-aes-256-cbc", "-passout", f"pass:{PASSWORD}"
    ).decode()
    for password, words in (("", "is encrypted"), ("wrong", "does not open the key")):
        with pytest.raises(CertificateError, match=words) as refused:
            await box.keeper.install("tom", Upload(leaf, locked, password))
        assert set(refused.value.fields) == {"password"}
    with pytest.raises(CertificateError, match="is not encrypted") as refused:
        await box.keeper.install("tom", Upload(leaf, key, PASSWORD))
    assert set(refused.value.fields) == {"password"}
    await box.keeper.install("tom", Upload(leaf, locked, PASSWORD))
    assert b"ENCRYPTED" not in files(box)["uploaded.pem"]


async def test_a_file_of_key_and_certificate_is_enough(box: SiteBox, root: SiteAuthority) -> None:
    leaf, key = root.issue("192.0.2.7")
    assert (await box.keeper.install("tom", Upload(key + leaf))).facts.names == ("192.0.2.7",)


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
    before, now = files(box), box.keeper.now
    box.audit.rows.clear()
    for name, wrong in wrongs(root, middle).items():
        error = await refused(box.keeper, wrong)
        assert error.fields == {wrong.field: error.detail}, name
        assert error.detail.endswith("."), name
    assert files(box) == before
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


async def test_what_cannot_go_on_record_does_not_happen(box: SiteBox, root: SiteAuthority) -> None:
    leaf, key = root.issue("box")
    before = files(box)
    box.audit.fail_with = AuditUnwritableError("The disk is full.")
    for attempt in (
        box.keeper.install("tom", Upload(leaf, key)),
        box.keeper.request("tom", ["box"]),
    ):
        with pytest.raises(AuditUnwritableError):
            await attempt
    assert files(box) == before
    assert box.keeper.now.origin == "own"


async def test_going_back_to_the_box_s_own(box: SiteBox, root: SiteAuthority) -> None:
    with pytest.raises(CertificateStateError, match="uses its own certificate already"):
        await box.keeper.go_back("tom")
    own = box.keeper.now
    leaf, key = root.issue("box")
    await box.keeper.install("tom", Upload(leaf, key))
    box.names = ("renamed",)
    await box.keeper.look()
    assert box.keeper.now.origin == "uploaded"  # that somebody uploaded it is respected
    now = await box.keeper.go_back("tom")
    assert now.origin == "own"
    assert now.facts.key_fingerprint == own.facts.key_fingerprint
    assert "renamed" in now.facts.names
    assert set(files(box)) == {"own.pem"}
    assert box.keeper.insist_s() == 0
    assert [action for _, action in box.actions()] == [
        "certificate_uploaded", "certificate_reset", "certificate_made",
    ]  # fmt: skip


async def test_a_damaged_upload_is_told_and_the_own_is_used(
    box: SiteBox, root: SiteAuthority
) -> None:
    leaf, key = root.issue("box")
    await box.keeper.install("tom", Upload(leaf, key))
    (box.path / "uploaded.pem").write_text(key)
    await box.keeper_again().begin()
    assert box.keeper.now.origin == "own"
    assert "uploaded.pem is damaged" in box.keeper.now.fault
    await box.keeper.install("tom", Upload(leaf, key))
    assert (box.keeper.now.origin, box.keeper.now.fault) == ("uploaded", "")


async def test_the_settings_file_s_certificate_goes_first_and_is_read_again(
    tmp_path: Path, root: SiteAuthority
) -> None:
    fixed = tmp_path / "cert.pem", tmp_path / "key.pem"
    box = SiteBox(tmp_path / "tls", fixed)
    await box.keeper.begin()
    assert box.keeper.now.origin == "own"
    assert "cert.pem and its key cannot be used: No such file" in box.keeper.now.fault

    def put(leaf: str, key: str) -> None:
        fixed[0].write_text(leaf)
        fixed[1].write_text(key)

    put(*root.issue("first"))
    await box.keeper.look()
    assert (box.keeper.now.origin, box.keeper.now.facts.names) == ("file", ("first",))
    leaf, key = root.issue("second")
    fixed[0].write_text(leaf)  # half of the pair is there
    for _ in range(2):
        await box.keeper.look()
        assert (box.keeper.now.origin, box.keeper.now.facts.names) == ("file", ("first",))
        assert "cannot be used" in box.keeper.now.fault
    fixed[1].write_text(key)
    await box.keeper.look()
    assert box.keeper.now.facts.names == ("second",)
    assert box.keeper.now.fault == ""
    assert box.actions()[-1] == ("bargebox", "certificate_read")
    for attempt in (
        box.keeper.install("tom", Upload(leaf, key)),
        box.keeper.request("tom", ["box"]),
        box.keeper.go_back("tom"),
    ):
        with pytest.raises(CertificateStateError, match=r"console\.tls_certificate"):
            await attempt
