"""Authorities of the site that the box believes beside the system's, for its call platform."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.monitoring.audit import Entry
from appliance.platforms import trust
from appliance.provisioning.certificates.errors import (
    CertificateError,
    CertificateFileError,
    CertificateStateError,
)
from appliance.provisioning.certificates.facts import Facts, self_signed
from appliance.provisioning.certificates.folder import AUTHORITIES, CertificateFolder
from appliance.provisioning.certificates.judging import check_key, check_time
from appliance.provisioning.certificates.reading import read_certificates
from appliance.provisioning.certificates.record import Record, detail_of

log = logging.getLogger(__name__)

MOST = 50
NO_AUTHORITY = (
    "This is a server's certificate and no authority's. Give the certificate of the authority "
    "that issued it (a root)."
)


class Authorities:
    """Those of *folder*. Each change is on record before it happens."""

    def __init__(
        self,
        folder: CertificateFolder,
        record: Record,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.fault = ""
        """Why none is believed, in words."""
        self._folder, self._record, self._clock = folder, record, clock
        self._certificates: tuple[x509.Certificate, ...] = ()
        self._lock = asyncio.Lock()

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Each of them, the oldest addition first."""
        return self._certificates

    @property
    def trusted(self) -> list[Facts]:
        """Each of them, the oldest addition first."""
        return [Facts.of(one) for one in self._certificates]

    async def begin(self) -> None:
        """Believe those that are on the disk; none where they cannot be read, which is told."""
        try:
            data = await asyncio.to_thread(self._folder.read, AUTHORITIES)
            found = _read(data) if data else ()
        except (CertificateFileError, CertificateError) as error:
            self.fault = f"The authorities that were added cannot be read ({error.detail})"
            log.error("%s", self.fault)
            found = ()
        self._believe(found)

    async def check(self, text: str) -> None:
        """Whether every certificate in the PEM *text* could be believed. Raises
        `CertificateError`.
        """
        await asyncio.to_thread(self._judged, text)

    async def add(self, who: str, text: str) -> None:
        """Believe every authority in the PEM *text*. Raises `CertificateError`."""
        async with self._lock:
            given = await asyncio.to_thread(self._judged, text)
            fresh = [one for one in dict.fromkeys(given) if one not in self._certificates]
            if not fresh:
                raise CertificateError("certificate", "The box believes it already.")
            if len(self._certificates) + len(fresh) > MOST:
                raise CertificateError("certificate", f"The box takes at most {MOST}; remove some.")
            entries = [
                Entry(who, "authority_trusted", detail=detail_of(Facts.of(one))) for one in fresh
            ]
            await self._change((*self._certificates, *fresh), *entries)

    async def remove(self, who: str, fingerprint: str) -> None:
        """Believe the one of that SHA-256 no more. Raises `CertificateStateError`."""
        async with self._lock:
            gone = [one for one in self._certificates if Facts.of(one).fingerprint == fingerprint]
            if not gone:
                raise CertificateStateError("The box does not believe that one.", code="not_found")
            left = tuple(one for one in self._certificates if one not in gone)
            detail = detail_of(Facts.of(gone[0]))
            await self._change(left, Entry(who, "authority_removed", detail=detail))

    async def _change(self, wanted: tuple[x509.Certificate, ...], *entries: Entry) -> None:
        await self._record.append(*entries)
        await asyncio.to_thread(self._folder.write, AUTHORITIES, _pem(wanted).encode())
        self.fault = ""
        self._believe(wanted)

    def _believe(self, wanted: tuple[x509.Certificate, ...]) -> None:
        self._certificates = wanted
        trust.believe_too(_pem(wanted))

    def _judged(self, text: str) -> list[x509.Certificate]:
        given = read_certificates(text)
        for one in given:
            if not _is_authority(one):
                raise CertificateError("certificate", NO_AUTHORITY)
            if not self_signed(one):
                facts = Facts.of(one)
                raise CertificateError(
                    "certificate",
                    f"{facts.subject} is issued by {facts.issuer}. Give that authority's own "
                    "certificate (the root); servers send what lies between.",
                )
            check_key(one)
            check_time(one, self._clock())
        return given


def _is_authority(certificate: x509.Certificate) -> bool:
    """It may issue others (RFC 5280, 4.2.1.9 and 4.2.1.3)."""
    extensions = certificate.extensions
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    try:
        signs = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        signs = True
    return basic.ca and signs


def _read(data: bytes) -> tuple[x509.Certificate, ...]:
    return tuple(read_certificates(data.decode("ascii", "replace"), most=MOST))


def _pem(certificates: tuple[x509.Certificate, ...]) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)
