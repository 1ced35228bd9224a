"""What the box makes by itself: keys, its own certificate, and requests for another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.provisioning.certificates.facts import Facts
from appliance.provisioning.certificates.names import BoxNames, as_address

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KeyKind = Literal["ec", "rsa"]

LIFE = timedelta(days=825)
"""The longest that Apple's systems take (support.apple.com/103769), its backdating included."""
BACKDATED = timedelta(days=1)
"""For browsers whose clock is behind the box's."""
COMMON_NAME_MOST = 64
"""Characters of a common name (X.520); longer names stand in subjectAltName alone."""


def make_key(kind: KeyKind = "ec") -> PrivateKey:
    """P-256, or RSA of 3072 bits for authorities that take nothing else; that takes seconds."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(ec.SECP256R1())


def make_own(key: PrivateKey, names: BoxNames, now: datetime) -> x509.Certificate:
    """A certificate for *names* by the box's own *key*."""
    subject = _named(names.names[0])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    begin = now.replace(microsecond=0) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFE - timedelta(seconds=1))
        .add_extension(_alternatives(names.all()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )


def needs_renewal(own: Facts, names: BoxNames, now: datetime) -> bool:
    """Its end is near, it is not valid yet (the clock was wrong), or the box has other names."""
    return own.ends_soon(now) or now < own.valid_from or not names.covered_by(own.names)


def make_request(key: PrivateKey, names: Sequence[str]) -> x509.CertificateSigningRequest:
    """A certificate request (PKCS #10, RFC 2986) for *names*, the first being the common one."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_named(names[0]))
        .add_extension(_alternatives(names), critical=False)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def key_pem(key: PrivateKey) -> bytes:
    """PKCS #8 without a password: whoever reads the state directory is the box."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _named(name: str) -> x509.Name:
    fits = [name] if len(name) <= COMMON_NAME_MOST else []
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one) for one in fits])


def _alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    found: list[x509.GeneralName] = []
    for name in names:
        address = as_address(name)
        found.append(x509.DNSName(name) if address is None else x509.IPAddress(address))
    return x509.SubjectAlternativeName(found)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
