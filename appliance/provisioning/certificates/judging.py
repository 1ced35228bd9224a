"""Whether the page could be served with what was uploaded, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.provisioning.certificates.errors import CertificateError
from appliance.provisioning.certificates.facts import (
    CURVES,
    Facts,
    key_fingerprint,
    key_words,
    self_signed,
    signed_by,
)
from appliance.provisioning.certificates.names import as_address, matches
from appliance.provisioning.certificates.own import PrivateKey, key_pem
from appliance.provisioning.certificates.reading import Given

RSA_LEAST, RSA_MOST = 2048, 8192
"""Bits; more would keep the box busy at each connection."""
WEAK_HASHES = ("md5", "sha1", "sha224")
SHOWN = 5
"""Names told in one sentence."""
NO_NAMES = (
    "It has no subjectAltName, and browsers look nowhere else. Have it issued with the box's "
    "names there."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its certificates, the box's own first and each by the next one's key."""

    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def facts(self) -> Facts:
        """Of the box's certificate."""
        return Facts.of(self.chain[0])

    def pem(self) -> bytes:
        """All of it as one text, so that a file has the whole pair or none of it."""
        return b"".join(
            [key_pem(self.key), *(one.public_bytes(Encoding.PEM) for one in self.chain)]
        )


def judged(given: Given, keys: Sequence[PrivateKey], reached: Iterable[str], now: datetime) -> Pair:
    """The pair that *given* makes, with one of *keys* where it brings none.

    *reached* are the names and addresses of which it has to carry one. Raises `CertificateError`.
    """
    pair = _matched(given, keys)
    for certificate in pair.chain:
        check_key(certificate)
        _check_signature(certificate)
        check_time(certificate, now)
    _check_usage(pair.chain[0])
    _check_names(pair.facts.names, [*reached])
    return pair


def _matched(given: Given, keys: Sequence[PrivateKey]) -> Pair:
    candidates = keys if given.key is None else [given.key]
    if not candidates:
        raise CertificateError(
            "key", "No request is open, so give the private key of this certificate too."
        )
    by_print = {key_fingerprint(key.public_key()): key for key in candidates}
    for certificate in given.certificates:
        key = by_print.get(key_fingerprint(certificate.public_key()))
        if key is not None:
            return Pair(key, _chain(certificate, given.certificates))
    subject = Facts.of(given.certificates[0]).subject
    if given.key is not None:
        raise CertificateError("key", f"This key does not belong to the certificate of {subject}.")
    raise CertificateError(
        "certificate",
        f"The certificate of {subject} was not made for this box's request. Give the one that the "
        "authority made from it, or give the private key too.",
    )


def _chain(leaf: x509.Certificate, given: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """From *leaf* upwards, whatever the order of *given*; all of these must be in it."""
    chain, left = [leaf], [one for one in dict.fromkeys(given) if one != leaf]
    while left and not self_signed(chain[-1]):
        above = next((one for one in left if signed_by(chain[-1], one)), None)
        if above is None:
            break
        chain.append(above)
        left.remove(above)
    if left:
        top, stray = Facts.of(chain[-1]), Facts.of(left[0]).subject
        raise CertificateError(
            "certificate",
            f"The certificate of {stray} is not in the chain: {top.subject} is issued by "
            f"{top.issuer}. Give that authority's certificate, or leave the other one out.",
        )
    return tuple(chain)


def check_key(certificate: x509.Certificate) -> None:
    """Raise `CertificateError` for a key that is too weak, too long, or of no use to browsers."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        good = RSA_LEAST <= key.key_size <= RSA_MOST
    else:
        good = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES
    if not good:
        raise CertificateError(
            "certificate",
            f"The key of {Facts.of(certificate).subject} is {key_words(key)}. Use EC P-256 or "
            f"P-384, or RSA of {RSA_LEAST} to {RSA_MOST} bits.",
        )


def _check_signature(certificate: x509.Certificate) -> None:
    """Nobody looks at a root's own; every other one could be forged with a weak hash."""
    if self_signed(certificate):
        return
    try:
        algorithm = certificate.signature_hash_algorithm
        name = "" if algorithm is None else algorithm.name
    except UnsupportedAlgorithm:
        name = WEAK_HASHES[0]  # so old or so odd that browsers refuse it as well
    if name in WEAK_HASHES:
        raise CertificateError(
            "certificate",
            f"The certificate of {Facts.of(certificate).subject} is signed with a weak hash, "
            "which browsers refuse. Have it issued with SHA-256.",
        )


def check_time(certificate: x509.Certificate, now: datetime) -> None:
    """Raise `CertificateError` outside its validity."""
    facts = Facts.of(certificate)
    if now > facts.valid_until:
        words = f"The certificate of {facts.subject} ended on {facts.valid_until:%Y-%m-%d}."
        raise CertificateError("certificate", f"{words} Have it renewed, or set the box's clock.")
    if now < facts.valid_from:
        raise CertificateError(
            "certificate",
            f"The certificate of {facts.subject} begins at {facts.valid_from:%Y-%m-%d %H:%M} UTC "
            f"and it is {now:%Y-%m-%d %H:%M} here. Set the box's clock, or wait.",
        )


def _check_usage(leaf: x509.Certificate) -> None:
    extensions = leaf.extensions
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    good = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if not any(purpose in good for purpose in purposes):
        raise CertificateError(
            "certificate", "It is not for a web server. Have it issued for server authentication."
        )


def _check_names(carried: tuple[str, ...], reached: list[str]) -> None:
    if not carried:
        raise CertificateError("certificate", NO_NAMES)
    real = [name for name in reached if name != "localhost" and not _loopback(name)]
    if not any(matches(one, name) for one in carried for name in real):
        raise CertificateError(
            "certificate",
            f"It is for {_told(carried)}, and this box is reached as {_told(real)}. Have it issued "
            "for one of these, or begin with a request for the other name.",
        )


def _loopback(name: str) -> bool:
    address = as_address(name)
    return address is not None and address.is_loopback


def _told(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
