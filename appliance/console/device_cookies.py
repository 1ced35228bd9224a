"""Browsers that signed in before are known again by a signed cookie (OWASP's "device cookies").

It opens nothing: it only says that somebody signed in to this account with this browser once, so
that the brake on guessing need not take its owner for a stranger.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping

from appliance.monitoring.account_rows import folded

LASTS_S = 180 * 24 * 3600
PATH = "/api/v1/session"
"""Sent at a sign-in and nowhere else."""


class DeviceCookies:
    """One cookie for each account, so that several people can share a browser."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self.key = key
        self._clock = clock

    def issue(self, name: str, device: str | None = None) -> str:
        """The cookie's value for *name*; a known *device* stays the same one."""
        device = device or secrets.token_hex(16)
        issued = int(self._clock())
        return f"{device}.{issued}.{self._sign(name, device, issued)}"

    def known(self, cookies: Mapping[str, str], name: str) -> str | None:
        """Which device this is, if *name* signed in with it; None for a stranger's."""
        device, _, rest = cookies.get(cookie_name(name), "").partition(".")
        text, _, signature = rest.partition(".")
        if not (text.isascii() and text.isdecimal() and len(text) <= 12 and signature.isascii()):
            return None
        issued = int(text)
        if not hmac.compare_digest(signature, self._sign(name, device, issued)):
            return None
        return device if 0 <= self._clock() - issued <= LASTS_S else None

    def _sign(self, name: str, device: str, issued: int) -> str:
        message = "\0".join(("device", folded(name), device, str(issued)))
        return hmac.new(self.key, message.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def cookie_name(name: str) -> str:
    """The cookie that belongs to an account's name."""
    digest = hashlib.sha256(folded(name).encode("utf-8", "surrogatepass")).hexdigest()
    return f"bargebox_device_{digest[:12]}"
