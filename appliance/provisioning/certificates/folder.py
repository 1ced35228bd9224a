"""The certificates on the disk. Each file is a whole: a key and all that belongs to it.

A power cut at any moment leaves what was there before or what came after, and never a key beside
another key's certificate.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from appliance.provisioning.certificates.errors import CertificateError, CertificateFileError
from appliance.provisioning.certificates.facts import names_of
from appliance.provisioning.certificates.judging import Pair
from appliance.provisioning.certificates.own import PrivateKey, key_pem
from appliance.provisioning.certificates.reading import read_pem
from appliance.service.files import settle, write_whole

MAX_BYTES = 256 * 1024
OWN, UPLOADED, REQUEST = "own.pem", "uploaded.pem", "request.pem"
AUTHORITIES = "authorities.pem"
_DRAFT = "draft.pem"


@dataclass(frozen=True, slots=True)
class Pending:
    """A certificate request that waits for its certificate."""

    key: PrivateKey
    request: x509.CertificateSigningRequest
    made_at: datetime

    @property
    def names(self) -> tuple[str, ...]:
        """What it asks for."""
        return names_of(self.request.extensions)

    def pem(self) -> str:
        """PKCS #10, as an authority takes it."""
        return self.request.public_bytes(Encoding.PEM).decode()


class CertificateFolder:
    """The folder at *path*, for its owner alone. Its methods wait for the disk.

    All raise `CertificateFileError` for what the disk refuses, or holds in disorder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Make the folder, and clear away what a power cut left half-done."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for left in (self.path / _DRAFT, *self.path.glob("*.new")):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise _disk(self.path, "made", error) from error

    def read(self, name: str) -> bytes | None:
        """A file's content; None where there is none."""
        try:
            with (self.path / name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _disk(self.path / name, "read", error) from error
        if len(data) > MAX_BYTES:
            raise CertificateFileError(f"{self.path / name} is larger than {MAX_BYTES} bytes.")
        return data

    def pair(self, name: str) -> Pair | None:
        """The pair in the file *name*; None where there is none."""
        data = self.read(name)
        if data is None:
            return None
        try:
            given = read_pem(data.decode("ascii", "replace"), "", "")
        except CertificateError as error:
            raise CertificateFileError(f"{self.path / name} is damaged.") from error
        if given.key is None:
            raise CertificateFileError(f"{self.path / name} is damaged.")
        return Pair(given.key, tuple(given.certificates))

    def pending(self) -> Pending | None:
        """The request that is open."""
        data = self.read(REQUEST)
        if data is None:
            return None
        try:
            key = load_pem_private_key(data, None)
            request = x509.load_pem_x509_csr(data)
            made_at = datetime.fromtimestamp((self.path / REQUEST).stat().st_mtime, UTC)
        except (ValueError, TypeError, UnsupportedAlgorithm, OSError) as error:
            raise CertificateFileError(f"{self.path / REQUEST} is damaged.") from error
        assert isinstance(key, PrivateKey)  # nothing else is ever written
        return Pending(key, request, made_at)

    def open_request(self, key: PrivateKey, request: x509.CertificateSigningRequest) -> None:
        """Keep *key* until its certificate comes."""
        self.write(REQUEST, key_pem(key) + request.public_bytes(Encoding.PEM))

    def write(self, name: str, data: bytes) -> None:
        """Replace the file *name*, for the owner alone."""
        try:
            write_whole(self.path / name, data)
            settle(self.path)
        except OSError as error:
            raise _disk(self.path / name, "written", error) from error

    def try_out(self, pair: Pair) -> ssl.SSLContext:
        """Write *pair* as a draft and take it up as a server does."""
        self.write(_DRAFT, pair.pem())
        try:
            return server_context(self.path / _DRAFT)
        except (OSError, ValueError) as error:
            self.discard()
            words = f"OpenSSL does not take it ({error}). Have another certificate issued."
            raise CertificateError("certificate", words) from error

    def keep(self, name: str, *, answered: bool = False) -> None:
        """The draft becomes the file *name*; *answered*: it was what the request had asked for."""
        try:
            (self.path / _DRAFT).replace(self.path / name)
            # The new file holds the key that the request's file held alone so far.
            settle(self.path)
            if answered:
                (self.path / REQUEST).unlink(missing_ok=True)
        except OSError as error:
            raise _disk(self.path / name, "written", error) from error

    def discard(self) -> None:
        """The draft is not wanted after all."""
        self.delete(_DRAFT)

    def delete(self, name: str) -> None:
        """Forget what was in the file *name*."""
        try:
            (self.path / name).unlink(missing_ok=True)
            settle(self.path)
        except OSError as error:
            raise _disk(self.path / name, "deleted", error) from error


def server_context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """How the page is served: TLS 1.2 or newer. Raises ``OSError`` and ``ssl.SSLError``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    """Instead of a question at a terminal that the box does not have."""
    raise ValueError("the key is encrypted")


def _disk(path: Path, what: str, error: OSError) -> CertificateFileError:
    return CertificateFileError(f"{path} cannot be {what}: {error.strerror}.")
