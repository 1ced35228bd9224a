"""Whose certificates are believed; and why a secured connection was not made, in words that say
who can mend it.
"""

from __future__ import annotations

import ssl
from pathlib import Path

_OTHER_NAME = (62, 64)
"""OpenSSL's codes of a certificate for another host name, or another address."""
_NOT_YET_VALID, _EXPIRED = 9, 10

_site: str = ""


def believe_too(certificates: str) -> None:
    """From the next connection on believe these authorities (PEM) beside the system's.

    They belong to the box and not to one driver, as the system's do: so the process has them once.
    """
    global _site
    _site = certificates


def site_authorities() -> str:
    """Those that are believed beside the system's (PEM); empty where there are none."""
    return _site


def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Believes *ca_file* alone where one is named, else the system's and the box's authorities.

    Reads the disk. Raises ``OSError`` or ``ValueError`` for a file that cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None and _site:
        context.load_verify_locations(cadata=_site)
    return context


def tls_fault(url: str, error: BaseException) -> str | None:
    """What is wrong with the certificate or the handshake; None when that is not the reason."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"No secured connection to {url} ({(cause.reason or 'broken off').lower()}); "
            "correct its address in the settings, or have TLS enabled there."
        )
    if cause.verify_code in _OTHER_NAME:
        return (
            f"The certificate of {url} is for another name; put a name that it carries into the "
            "address, or have it issued for this one."
        )
    if cause.verify_code == _EXPIRED:
        return f"The certificate of {url} has expired; have it renewed, or set the box's clock."
    if cause.verify_code == _NOT_YET_VALID:
        return f"The certificate of {url} is not valid yet; set the box's clock."
    return (
        f"The certificate of {url} is not trusted ({cause.verify_message}); "
        "name the site's CA file in the settings, or have the box believe it (page Certificate)."
    )
