"""From an upload to certificates and a key: PEM (RFC 7468), DER, PKCS #12 (RFC 7292)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from appliance.provisioning.certificates.errors import CertificateError
from appliance.provisioning.certificates.facts import Facts
from appliance.provisioning.certificates.own import PrivateKey

MOST = 10
"""Certificates in one chain."""

_EDGE = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
NO_CERTIFICATE = (
    "There is no certificate in it. Give a PEM file: it has lines that say BEGIN CERTIFICATE."
)
NOT_UNDERSTOOD = "The box does not understand this certificate; have a usual one issued."
NO_KEY = "There is no private key in it. Give a PEM file: it has a line that says PRIVATE KEY."


@dataclass(frozen=True, slots=True)
class Given:
    """What was uploaded: certificates in their order, and a key where there was one."""

    certificates: list[x509.Certificate]
    key: PrivateKey | None


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody gives: PEM texts, or the bytes of one PKCS #12 or DER file."""

    certificate: str = ""
    key: str = ""
    password: str = ""
    binary: bytes = b""

    def read(self) -> Given:
        """Raises `CertificateError`."""
        if self.binary:
            return read_binary(self.binary, self.password)
        return read_pem(self.certificate, self.key, self.password)


def read_pem(certificate: str, key: str, password: str) -> Given:
    """Of texts, of which the first may hold the key too. Raises `CertificateError`."""
    blocks = _blocks(certificate)
    keys = [block for kind, block in blocks if kind.endswith("PRIVATE KEY")]
    found = read_certificates(certificate)
    if key:
        keys = [block for kind, block in _blocks(key) if kind.endswith("PRIVATE KEY")]
        if len(keys) != 1:
            raise CertificateError("key", NO_KEY if not keys else "Give one private key only.")
    return Given(found, _key(keys[0], password) if keys else None)


def read_certificates(text: str, most: int = MOST) -> list[x509.Certificate]:
    """Every certificate of a PEM text. Raises `CertificateError`."""
    blocks = [block for kind, block in _blocks(text) if kind == "CERTIFICATE"]
    if not blocks:
        raise CertificateError("certificate", NO_CERTIFICATE)
    if len(blocks) > most:
        raise CertificateError("certificate", f"Give at most {most} certificates.")
    try:
        return [_understood(x509.load_pem_x509_certificate(block.encode())) for block in blocks]
    except ValueError as error:
        raise CertificateError("certificate", NOT_UNDERSTOOD) from error


def read_binary(data: bytes, password: str) -> Given:
    """A PKCS #12 file, or one certificate in DER. Raises `CertificateError`."""
    try:
        return Given([_understood(x509.load_der_x509_certificate(data))], None)
    except ValueError:
        pass  # then it is no certificate
    try:
        key, own, more = pkcs12.load_key_and_certificates(data, password.encode() or None)
    except (ValueError, UnsupportedAlgorithm) as error:
        words = "The file does not open. Give its password, or a PKCS #12 or PEM file."
        field = "password" if data[:1] == b"\x30" else "certificate"  # whether it is ASN.1 at all
        raise CertificateError(field, words) from error
    certificates = [one for one in (own, *more) if one is not None]
    if not certificates or key is None:
        raise CertificateError(
            "certificate", "The file has to hold a certificate and its private key."
        )
    if len(certificates) > MOST:
        raise CertificateError("certificate", f"Give at most {MOST} certificates.")
    return Given([_understood(one) for one in certificates], _usable(key))


def _blocks(text: str) -> list[tuple[str, str]]:
    """Kind and text of each PEM block (RFC 7468), in one pass."""
    found: list[tuple[str, str]] = []
    begun: re.Match[str] | None = None
    for edge in _EDGE.finditer(text):
        if edge[1] == "BEGIN":
            begun = edge
        elif begun is not None and edge[2] == begun[2]:
            found.append((edge[2], text[begun.start() : edge.end()] + "\n"))
            begun = None
    return found


def _understood(certificate: x509.Certificate) -> x509.Certificate:
    """The same, read to its last extension. Raises `CertificateError`."""
    try:
        Facts.of(certificate)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError("certificate", NOT_UNDERSTOOD) from error
    return certificate


def _key(pem: str, password: str) -> PrivateKey:
    try:
        return _usable(load_pem_private_key(pem.encode(), password.encode() or None))
    except TypeError as error:  # a password for a key without one, or none for one with one
        words = (
            "The key is not encrypted; leave the password empty."
            if password
            else "The key is encrypted; give its password."
        )
        raise CertificateError("password", words) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if "ENCRYPTED" in pem:
            words = "The password does not open the key; type it again."
            raise CertificateError("password", words) from error
        raise CertificateError("key", "The box does not understand this key.") from error


def _usable(key: PrivateKeyTypes) -> PrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CertificateError(
            "key", "Browsers do not take this kind of key; use EC (P-256) or RSA (3072 bits)."
        )
    return key
