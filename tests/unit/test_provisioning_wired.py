"""What a wired connection's settings may be, and what is told of those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import ValidationError

from appliance.provisioning.network.port_access import SECRETS
from appliance.provisioning.network.profiles import id_of, profiles, vlan_device, wired_of
from appliance.provisioning.network.sign_in import (
    SecretsNeededError,
    access_of,
    secrets_set,
    setting,
)
from appliance.provisioning.network.wired import Wired
from appliance.service.faults import by_field
from tests.support.certificates import self_signed

STATIC = {"method": "static", "addresses": ["192.0.2.10/24"]}
STATIC6 = {"method": "static", "addresses": ["2001:db8::10/64"]}


def faults(settings: dict[str, Any]) -> dict[str, str]:
    try:
        Wired.model_validate(settings)
    except ValidationError as error:
        return by_field(error.errors())
    return {}


@pytest.mark.parametrize(
    ("ipv4", "name", "words"),
    [
        ({"method": "static"}, "addresses", "at least one address"),
        ({"method": "bootp"}, "method", "'dhcp', 'static' or 'off'"),
        ({"addresses": ["192.0.2.10/24"]}, "addresses", "choose static"),
        ({"gateway": "192.0.2.1"}, "gateway", "choose static"),
        (STATIC | {"addresses": ["192.0.2.10"]}, "addresses.0", "the prefix too"),
        (STATIC | {"addresses": ["192.0.2.10/33"]}, "addresses.0", "from 1 to 32"),
        (STATIC | {"addresses": ["192.0.2.10/255.255.255.0"]}, "addresses.0", "from 1 to 32"),
        (STATIC | {"addresses": ["192.0.2.300/24"]}, "addresses.0", "no IPv4 address"),
        (STATIC | {"addresses": ["2001:db8::1/64"]}, "addresses.0", "no IPv4 address"),
        (STATIC | {"addresses": ["192.0.2.0/24"]}, "addresses.0", "the whole of 192.0.2.0/24"),
        (STATIC | {"addresses": ["192.0.2.255/24"]}, "addresses.0", "the whole of"),
        (STATIC | {"addresses": ["127.0.0.2/8"]}, "addresses.0", "cannot have"),
        (STATIC | {"addresses": ["224.0.0.5/24"]}, "addresses.0", "cannot have"),
        (STATIC | {"addresses": ["169.254.1.1/16"]}, "addresses.0", "makes itself"),
        (STATIC | {"addresses": ["192.0.2.10/24", "192.0.2.10/25"]}, "addresses", "there twice"),
        (STATIC | {"gateway": "198.51.100.1"}, "gateway", "it is not in 192.0.2.0/24"),
        (STATIC | {"gateway": "192.0.2.10"}, "gateway", "box's own address"),
        (STATIC | {"gateway": "router"}, "gateway", "no IPv4 address"),
        (STATIC | {"dns_servers": ["192.0.2.1", "one"]}, "dns_servers.1", "no IPv4 address"),
        (STATIC | {"dns_servers": ["192.0.2.1"] * 2}, "dns_servers", "there twice"),
        (STATIC | {"search_domains": ["-example.org"]}, "search_domains.0", "no domain name"),
        (STATIC | {"search_domains": ["x" * 64]}, "search_domains.0", "no domain name"),
        (STATIC | {"prefix": 24}, "prefix", "no such setting"),
    ],
)
def test_the_wrong_field_is_named(ipv4: dict[str, Any], name: str, words: str) -> None:
    found = faults({"ipv4": ipv4})
    assert list(found) == [f"ipv4.{name}"]
    assert words in found[f"ipv4.{name}"]


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        ({"vlan": 0}, "vlan", "1 or more"),
        ({"vlan": 4095}, "vlan", "4094 or less"),
        ({"ipv6": STATIC6 | {"gateway": "2001:db8:1::1"}}, "ipv6.gateway", "2001:db8::/64"),
        ({"ipv6": STATIC6 | {"addresses": ["fe80::1/64"]}}, "ipv6.addresses.0", "makes itself"),
        ({"ipv6": STATIC6 | {"addresses": ["::1/128"]}}, "ipv6.addresses.0", "cannot have"),
        ({"ipv4": {"method": "off"}, "ipv6": {"method": "off"}}, "all", "nobody could reach"),
        ({"access": {"method": "peap"}}, "access.identity", "needed"),
    ],
)
def test_so_are_the_others(settings: dict[str, Any], name: str, words: str) -> None:
    found = faults(settings)
    assert list(found) == [name]
    assert words in found[name]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ipv4": STATIC | {"gateway": " 192.0.2.1 "}},
        {"ipv4": STATIC | {"addresses": ["192.0.2.10/31", "198.51.100.7/32"]}},
        {"ipv6": STATIC6 | {"gateway": "fe80::1", "dns_servers": ["2001:DB8::53"]}},
        {"ipv4": {"method": "off"}, "vlan": 4094},
    ],
)
def test_what_is_right_is_taken_and_comes_back(settings: dict[str, Any]) -> None:
    wired = Wired.model_validate(settings)
    made = [{part: {n: v.value for n, v in values.items()} for part, values in p.values.items()}
            for p in profiles("eth0", wired, {})]  # fmt: skip
    for profile in made:
        for ip in (profile["ipv4"], profile["ipv6"]):
            rows = ip.get("address-data", [])
            ip["address-data"] = [{n: v.value for n, v in row.items()} for row in rows]
    upon = made[1] if len(made) == 2 else None
    back = wired_of(made[0], upon, {"method": "off"})
    assert Wired.model_validate(back) == wired


def test_a_vlan_s_device_has_a_name_that_linux_takes() -> None:
    assert vlan_device("enp0s31f6", 4094) == "enp0s31f6.4094"
    assert vlan_device("enx001122334455", 12) == "vlan12"
    assert id_of("eth0") != id_of("eth0", vlan=True) != id_of("eth1")


# -- sign-in at the switch


@pytest.fixture
def pem(certificate: tuple[Any, Any]) -> tuple[str, str]:
    """A certificate and its key."""
    return certificate[0].read_text(), certificate[1].read_text()


def tls(pem: tuple[str, str], **changes: str) -> dict[str, Any]:
    certificate, key = pem
    whole = {"method": "tls", "identity": "box-7", "ca_certificate": certificate}
    return whole | {"client_certificate": certificate, "private_key": key} | changes


def test_a_key_must_be_the_certificate_s_and_open(pem: tuple[str, str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = Encoding.PEM, PrivateFormat.PKCS8
    other = key.private_bytes(*pkcs8, NoEncryption()).decode()
    locked = key.private_bytes(*pkcs8, BestAvailableEncryption(b"sesame")).decode()
    for changes, name, words in [
        ({"private_key": other}, "private_key", "not that of the certificate"),
        ({"private_key": locked}, "private_key", "give its password"),
        ({"private_key": locked, "private_key_password": "open"}, "private_key", "does not open"),
        ({"private_key_password": "sesame"}, "private_key", "leave its password empty"),
        ({"private_key": "x"}, "private_key", "no private key in PEM"),
        ({"private_key": ""}, "private_key", "Give the key again"),
        ({"ca_certificate": "x"}, "ca_certificate", "no certificate in PEM"),
    ]:
        found = faults({"access": tls(pem, **changes)})
        assert list(found) == [f"access.{name}"]
        assert words in found[f"access.{name}"]
    assert faults({"access": tls(pem)}) == {}


def test_a_secret_that_is_left_out_stays_and_with_another_method_does_not(
    pem: tuple[str, str],
) -> None:
    first = Wired.model_validate({"access": tls(pem)}).access
    kept = {name: one.value for name, one in setting(first, {}).items()}
    assert kept["private-key"] == pem[1].strip().encode() or kept["private-key"] == pem[1].encode()
    assert kept["private-key-password-flags"] == 4
    assert secrets_set(kept) == ["ca_certificate", "client_certificate", "private_key"]
    shown = access_of(kept)
    assert set(shown).isdisjoint(SECRETS["tls"])
    again = Wired.model_validate({"access": shown | {"identity": "box-8"}}).access
    after = setting(again, kept)
    assert after["private-key"].value == kept["private-key"]
    assert after["identity"].value == "box-8"
    peap = Wired.model_validate({"access": {"method": "peap", "identity": "box-7"}}).access
    with pytest.raises(SecretsNeededError) as needed:
        setting(peap, kept)
    assert needed.value.names == ("ca_certificate", "password")


@pytest.mark.parametrize(
    ("changes", "stays"),
    [({"identity": "box-8"}, True), ({"server_domain": ""}, False), ({"ca_certificate": 1}, False)],
)
def test_a_password_stays_with_the_server_that_it_was_given_for(
    pem: tuple[str, str], tmp_path: Path, changes: dict[str, Any], stays: bool
) -> None:
    access = {"method": "peap", "identity": "box-7", "server_domain": "radius.example.org"}
    secrets = {"ca_certificate": pem[0], "password": "of the port"}
    first = Wired.model_validate({"access": access | secrets}).access
    kept = {name: one.value for name, one in setting(first, {}).items()}
    if "ca_certificate" in changes:
        changes = {"ca_certificate": self_signed(tmp_path)[0].read_text()}
    again = Wired.model_validate({"access": access | changes}).access
    if stays:
        assert setting(again, kept)["password"].value == "of the port"
        return
    with pytest.raises(SecretsNeededError) as needed:
        setting(again, kept)
    assert needed.value.names == ("password",)
