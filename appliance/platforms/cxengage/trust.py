"""Which certificates are trusted, and how one that is not is told apart from a dead network."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformError
from appliance.platforms.trust import client_context


class UntrustedError(PlatformError):
    """A certificate, or the file of those to trust, cannot be used."""


async def context_of(ca_file: Path | None) -> ssl.SSLContext:
    """Trust *ca_file*, or the system's certificates; read in a thread. Raises `UntrustedError`."""
    try:
        return await asyncio.to_thread(client_context, ca_file)
    except (OSError, ValueError) as error:  # no file, no certificates, or no name of a file
        raise UntrustedError(
            f"The CA file {ca_file} cannot be used; name a file of PEM certificates."
        ) from error


def untrusted(error: BaseException, what: str) -> UntrustedError | None:
    """The words, if a certificate is at the bottom of *error*; *what* is whose it is."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return UntrustedError(
                f"The certificate of {what} is not trusted ({seen.verify_message}); "
                "name the site's CA file in the settings, or have the certificate corrected.",
                code=EndReason.PLATFORM_LOST,
            )
        seen = seen.__cause__ or seen.__context__
    return None
