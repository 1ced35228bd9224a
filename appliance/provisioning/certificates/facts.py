"""A certificate in words: what a person compares, and what the box decides by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""Those that browsers take, by OpenSSL's name, as people call them."""
WARN_BEFORE = timedelta(days=30)
"""So long before the end somebody is told."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One certificate. Times are UTC; fingerprints are SHA-256 as ``AB:CD:…``."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """Of its subjectAltName: host names in lower case, and addresses."""
    fingerprint: str
    key_fingerprint: str
    """Of the public key (SubjectPublicKeyInfo), which a renewal may leave as it is."""
    key: str
    """Its kind and size in words."""
    valid_from: datetime
    valid_until: datetime
    self_signed: bool

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Facts:
        """Raises ``ValueError`` for an extension that cannot be read."""
        return cls(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            names=names_of(certificate.extensions),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
            key_fingerprint=key_fingerprint(certificate.public_key()),
            key=key_words(certificate.public_key()),
            valid_from=certificate.not_valid_before_utc,
            valid_until=certificate.not_valid_after_utc,
            self_signed=self_signed(certificate),
        )

    def ends_soon(self, now: datetime) -> bool:
        """It has ended, or does so before anybody would look again."""
        return self.valid_until - now < WARN_BEFORE


def names_of(extensions: x509.Extensions) -> tuple[str, ...]:
    """Host names in lower case and addresses, in their order."""
    try:
        held = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = [name.lower() for name in held.get_values_for_type(x509.DNSName)]
    return (*names, *map(str, held.get_values_for_type(x509.IPAddress)))


def key_fingerprint(key: PublicKeyTypes) -> str:
    """SHA-256 over the SubjectPublicKeyInfo (as RFC 7469 pins it), ``AB:CD:…``."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex(":").upper()


def key_words(key: PublicKeyTypes) -> str:
    """Such as ``EC P-256`` or ``RSA 3072 bits``."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size} bits"
    return type(key).__name__.removesuffix("PublicKey")


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether nobody but its own key vouches for it."""
    return certificate.subject == certificate.issuer and signed_by(certificate, certificate)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether *issuer*'s name and key are behind *certificate*."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False  # another key, another name, or a kind that nobody checks
    return True
