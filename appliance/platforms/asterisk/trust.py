"""Whose certificates are believed, and how a connection that failed over them is told of."""

from __future__ import annotations

import asyncio
import ssl

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk.errors import UntrustedError
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import PlatformError
from appliance.platforms.trust import client_context, tls_fault

_SECURED = ("https:", "wss:", "tls:")


async def tls_context(settings: AsteriskSettings) -> ssl.SSLContext | None:
    """What to trust, where either address is secured. Raises `PlatformError` in words."""
    if not settings.list_url.startswith(_SECURED) and not settings.ws_url.startswith(_SECURED):
        return None
    try:
        return await asyncio.to_thread(client_context, settings.ca_file)
    except (OSError, ValueError) as error:  # no file, no certificates, or no name of a file
        raise UntrustedError(
            f"The CA file {settings.ca_file} cannot be used; name a file of PEM certificates."
        ) from error


def unreachable(url: str, error: Exception) -> PlatformError:
    """Why there is no connection to *url*, in words."""
    if (fault := tls_fault(url, error)) is not None:
        return UntrustedError(fault, code=EndReason.PLATFORM_LOST)
    return PlatformError(
        f"Asterisk at {url} does not answer; start it, or correct its address in the settings.",
        code=EndReason.PLATFORM_LOST,
    )
