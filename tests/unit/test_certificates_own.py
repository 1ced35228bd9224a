"""The box's own certificate: made at the first start, kept, and renewed by itself."""

from __future__ import annotations

import errno
import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from appliance.provisioning.certificates import folder
from appliance.provisioning.certificates.errors import CertificateError, CertificateFileError
from appliance.provisioning.certificates.names import BoxNames, box_names, cleaned, matches
from tests.support.certificate_site import SiteBox, openssl


@pytest.fixture
def box(tmp_path: Path) -> SiteBox:
    return SiteBox(tmp_path / "tls")


async def test_the_first_start_makes_a_key_and_a_certificate_for_the_owner_alone(
    box: SiteBox,
) -> None:
    await box.keeper.begin()
    facts = box.keeper.now.facts
    assert (box.keeper.now.origin, facts.subject, facts.issuer) == ("own", "CN=box", "CN=box")
    assert facts.names == ("box", "box.local", "192.0.2.7", "127.0.0.1")
    assert facts.key == "EC P-256"
    assert facts.valid_until - facts.valid_from < timedelta(days=825)
    assert box.actions() == [("bargebox", "certificate_made")]
    file = box.path / "own.pem"
    assert [p.name for p in box.path.iterdir()] == ["own.pem"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert box.path.stat().st_mode & 0o777 == 0o700
    told = openssl("x509", "-in", file, "-noout", "-fingerprint", "-sha256").decode()
    assert told.strip().split("=")[1] == facts.fingerprint
    public = openssl("pkey", "-in", file, "-pubout", "-outform", "DER")
    digest = openssl("dgst", "-sha256", "-r", given=public).decode()
    assert digest.split()[0].upper() == facts.key_fingerprint.replace(":", "")
    assert openssl("verify", "-CAfile", file, "-purpose", "sslserver", "-x509_strict", file)


async def test_two_boxes_have_two_keys(tmp_path: Path) -> None:
    boxes = [SiteBox(tmp_path / name) for name in ("one", "two")]
    for box in boxes:
        await box.keeper.begin()
    assert len({box.keeper.now.facts.key_fingerprint for box in boxes}) == 2


async def test_a_restart_keeps_it(box: SiteBox) -> None:
    await box.keeper.begin()
    before = box.keeper.now
    await box.keeper_again().begin()
    assert box.keeper.now.like(before)
    assert box.actions() == [("bargebox", "certificate_made")]


@pytest.mark.parametrize(
    "change",
    [
        {"ahead": timedelta(days=800)},
        {"ahead": timedelta(days=1000)},
        {"ahead": timedelta(days=-400)},
        {"names": ("renamed", "renamed.local")},
        {"addresses": ("192.0.2.8", "127.0.0.1")},
        {"addresses": ("192.0.2.7", "127.0.0.1", "2001:db8::7")},
    ],
    ids=["ends soon", "ended", "clock was wrong", "name", "address", "first IPv6"],
)
async def test_it_is_renewed_by_itself_with_the_same_key(
    box: SiteBox, change: dict[str, object]
) -> None:
    await box.keeper.begin()
    before = box.keeper.now
    await box.keeper.look()
    assert box.keeper.now is before
    for name, value in change.items():
        setattr(box, name, value)
    await box.keeper.look()
    after = box.keeper.now
    assert after.facts.fingerprint != before.facts.fingerprint
    assert after.facts.key_fingerprint == before.facts.key_fingerprint
    assert after.context is not before.context
    assert not box.keeper.ends_soon()
    assert set(box.names) | set(box.addresses) <= set(after.facts.names)
    assert box.actions() == [("bargebox", "certificate_made")] * 2
    await box.keeper.look()
    assert box.keeper.now is after


async def test_what_comes_and_goes_renews_nothing(box: SiteBox) -> None:
    box.addresses = ("192.0.2.7", "2001:db8::7", "2001:db8::aaaa")
    await box.keeper.begin()
    before = box.keeper.now
    box.addresses = ("2001:db8::7", "2001:db8::bbbb")  # the cable is out; IPv6 privacy
    await box.keeper.look()
    assert box.keeper.now is before


@pytest.mark.parametrize("content", [b"", b"nonsense", None], ids=["empty", "nonsense", "half"])
async def test_a_damaged_one_is_made_anew(box: SiteBox, content: bytes | None) -> None:
    await box.keeper.begin()
    file = box.path / "own.pem"
    file.write_bytes(file.read_bytes()[:300] if content is None else content)
    await box.keeper_again().begin()
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
    assert box.keeper.now.facts.names[0] == "box"


async def test_drafts_that_a_power_cut_left_are_cleared_away(box: SiteBox) -> None:
    box.path.mkdir()
    for name in ("draft.pem", "draft.pem.new", "uploaded.pem.new"):
        (box.path / name).write_text("left")
    await box.keeper.begin()
    assert [p.name for p in box.path.iterdir()] == ["own.pem"]


async def test_a_full_disk_does_not_take_the_certificate_away(
    box: SiteBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.keeper.begin()
    before = box.keeper.now

    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder, "write_whole", full)
    box.names = ("renamed",)
    await box.keeper.look()
    await box.keeper_again().begin()
    assert box.keeper.now.like(before)
    monkeypatch.undo()
    await box.keeper.look()
    assert "renamed" in box.keeper.now.facts.names


async def test_a_place_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CertificateFileError, match=r"file/tls cannot be made: Not a directory\."):
        await SiteBox(tmp_path / "file/tls").keeper.begin()


def test_the_names_of_this_machine() -> None:
    names = box_names(["Box7.example.org", "192.0.2.9", "0.0.0.0", "::"])
    assert {"box7.example.org", "localhost"} <= set(names.names)
    assert any(name.endswith(".local") for name in names.names)
    assert {ip_address("192.0.2.9"), ip_address("127.0.0.1"), ip_address("::1")} <= set(
        names.addresses
    )
    assert not any(address.is_unspecified for address in names.addresses)
    assert BoxNames(names.names, names.addresses).covered_by(names.all())


@pytest.mark.parametrize(
    ("carried", "name", "covers"),
    [
        ("box.example.org", "BOX.example.org", True),
        ("*.example.org", "box.example.org", True),
        ("*.example.org", "a.box.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.example.org", ".example.org", False),
        ("*.org", "example.org", False),
        ("192.0.2.7", "192.0.2.7", True),
    ],
)
def test_which_names_a_certificate_covers(carried: str, name: str, covers: bool) -> None:
    assert matches(carried, name) is covers


def test_names_are_typed_as_people_do() -> None:
    typed = [" Box.Example.org. ", "", "192.0.2.7", "2001:DB8::0:7", "box.example.org"]
    assert cleaned(typed) == ["box.example.org", "192.0.2.7", "2001:db8::7"]
    for wrong in (["https://box"], ["box:443"], ["bücher"], ["a..b"], [""], ["a b"], ["x" * 64]):
        with pytest.raises(CertificateError) as refused:
            cleaned(wrong)
        assert set(refused.value.fields) == {"names"}
