"""Requests and uploads, with OpenSSL's command as the authority."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.monitoring.audit import AuditUnwritableError
from appliance.provisioning.certificates.errors import CertificateError, CertificateStateError
from appliance.provisioning.certificates.reading import Upload
from tests.support.certificate_site import (
    SiteAuthority,
    SiteBox,
    openssl,
)

PASSWORD = "open sesame"


@pytest.fixture
async def box(tmp_path: Path) -> SiteBox:
    return await SiteBox(tmp_path / "tls").begin()


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
    assert set(box.files()) == {"own.pem", "uploaded.pem"}
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
    assert set(box.files()) == {"own.pem"}
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
    assert b"ENCRYPTED" not in box.files()["uploaded.pem"]


async def test_a_file_of_key_and_certificate_is_enough(box: SiteBox, root: SiteAuthority) -> None:
    leaf, key = root.issue("192.0.2.7")
    assert (await box.keeper.install("tom", Upload(key + leaf))).facts.names == ("192.0.2.7",)


async def test_what_cannot_go_on_record_does_not_happen(box: SiteBox, root: SiteAuthority) -> None:
    leaf, key = root.issue("box")
    before = box.files()
    box.audit.fail_with = AuditUnwritableError("The disk is full.")
    for attempt in (
        box.keeper.install("tom", Upload(leaf, key)),
        box.keeper.request("tom", ["box"]),
    ):
        with pytest.raises(AuditUnwritableError):
            await attempt
    assert box.files() == before
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
    assert set(box.files()) == {"own.pem"}
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
