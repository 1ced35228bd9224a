"""Certificates for servers of the tests, made while you wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = "127.0.0.1"
HOUR = timedelta(hours=1)


class Authority:
    """A site's own; ``file`` is what a box is given to trust it."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        own = (
            self._begun(self._name, self._key.public_key(), datetime.now(UTC) + HOUR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def issue(
        self, address: str = HERE, *more: str, name: str = "server", expired: bool = False
    ) -> tuple[Path, Path]:
        """The files of a new certificate for those addresses and its key, in place of former
        ones.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        until = datetime.now(UTC) + (-HOUR if expired else HOUR)
        made = self._begun(_named(address), key.public_key(), until).add_extension(
            _for(address, *more), critical=False
        )
        return _written(self._directory, name, made.sign(self._key, hashes.SHA256()), key)

    def _begun(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime
    ) -> x509.CertificateBuilder:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            _builder(subject, self._name, key, until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer, critical=False)
        )


def self_signed(directory: Path, address: str = HERE) -> tuple[Path, Path]:
    """A new certificate that nobody vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("box")
    made = _builder(name, name, key.public_key(), datetime.now(UTC) + HOUR).add_extension(
        _for(address), critical=False
    )
    return _written(directory, "cert", made.sign(key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - 2 * HOUR)
        .not_valid_after(until)
    )


def _for(*addresses: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.IPAddress(ip_address(one)) for one in addresses])


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _written(
    directory: Path, name: str, made: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    files = directory / f"{name}.crt", directory / f"{name}.key"
    files[0].write_bytes(_pem(made))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
