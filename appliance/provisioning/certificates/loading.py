"""What is on the disk: the settings file's files, else what was uploaded, else the box's own."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from cryptography import x509

from appliance.provisioning.certificates.errors import CertificateError, CertificateFileError
from appliance.provisioning.certificates.facts import Facts
from appliance.provisioning.certificates.folder import (
    MAX_BYTES,
    OWN,
    UPLOADED,
    CertificateFolder,
    Pending,
    server_context,
)
from appliance.provisioning.certificates.judging import Pair
from appliance.provisioning.certificates.names import BoxNames
from appliance.provisioning.certificates.own import make_key, make_own, needs_renewal
from appliance.provisioning.certificates.reading import read_certificates

log = logging.getLogger(__name__)

Origin = Literal["own", "uploaded", "file"]


@dataclass(frozen=True, slots=True)
class InUse:
    """A certificate with what serves it."""

    origin: Origin
    """The box's own, uploaded, or of the settings file."""
    chain: tuple[x509.Certificate, ...]
    facts: Facts
    context: ssl.SSLContext
    fault: str = ""
    """Why it is not the one that was meant, or not its newest, in words."""
    made: bool = False
    """The box has just made it."""

    def like(self, other: InUse) -> bool:
        """Nobody would notice the change."""
        mine, others = (
            (self.origin, self.chain, self.fault),
            (other.origin, other.chain, other.fault),
        )
        return mine == others


class Loader:
    """Reads for the keeper; its methods wait for the disk and raise `CertificateFileError`."""

    def __init__(
        self,
        folder: CertificateFolder,
        names: Callable[[], BoxNames],
        fixed: tuple[Path, Path] | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._folder, self._names, self._fixed, self._clock = folder, names, fixed, clock

    def load(self) -> InUse:
        """The best that can be used; a box that serves nothing could not be mended on its page."""
        try:
            found = self._uploaded() if self._fixed is None else _of_files(*self._fixed)
        except CertificateFileError as error:
            return replace(self.own(), fault=f"{error.detail} The box's own is used meanwhile.")
        return found or self.own()

    def own(self) -> InUse:
        """The box's own, made anew where it has to be; its key stays."""
        pair, names, now = self._readable_own(), self._names(), self._clock()
        if pair is not None and not needs_renewal(pair.facts, names, now):
            return self._kept(pair)
        key = make_key() if pair is None else pair.key
        fresh = Pair(key, (make_own(key, names, now),))
        try:
            context = self._folder.try_out(fresh)
            self._folder.keep(OWN)
        except CertificateFileError as error:
            if pair is None:
                raise
            log.error("%s The box keeps its certificate as it is.", error.detail)
            return self._kept(pair)  # a full disk is no reason to serve nothing
        return InUse("own", fresh.chain, fresh.facts, context, made=True)

    def _kept(self, pair: Pair) -> InUse:
        try:
            return InUse("own", pair.chain, pair.facts, server_context(self._folder.path / OWN))
        except (OSError, ValueError) as error:
            raise _unusable(self._folder.path / OWN, error) from error

    def pending(self) -> Pending | None:
        """The open request; a damaged one is as good as none."""
        try:
            return self._folder.pending()
        except CertificateFileError as error:
            log.error("%s Make the request again.", error.detail, extra={"CODE": error.code})
            return None

    def _readable_own(self) -> Pair | None:
        try:
            return self._folder.pair(OWN)
        except CertificateFileError as error:
            log.error("%s The box makes a new one.", error.detail, extra={"CODE": error.code})
            return None

    def _uploaded(self) -> InUse | None:
        pair = self._folder.pair(UPLOADED)
        if pair is None:
            return None
        try:
            context = server_context(self._folder.path / UPLOADED)
        except (OSError, ValueError) as error:
            raise _unusable(self._folder.path / UPLOADED, error) from error
        return InUse("uploaded", pair.chain, pair.facts, context)


def _of_files(certificate: Path, key: Path) -> InUse:
    """The settings file's own; only that they can be served is looked at."""
    try:
        context = server_context(certificate, key)
        with certificate.open("rb") as file:
            chain = read_certificates(file.read(MAX_BYTES).decode("ascii", "replace"))
    except (OSError, ValueError, CertificateError) as error:
        raise _unusable(certificate, error) from error
    return InUse("file", tuple(chain), Facts.of(chain[0]), context)


def _unusable(path: Path, error: Exception) -> CertificateFileError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return CertificateFileError(f"The certificate {path} and its key cannot be used: {why}.")
