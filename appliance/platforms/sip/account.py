"""Who signs in at the SIP server."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Account:
    """An endpoint at the server behind *ws_url*."""

    ws_url: str
    name: str
    """The address of record: ``sip:name@domain``."""
    user: str
    password: SecretStr
    expires_s: int = 120
    """Seconds that a registration is asked for."""
    site: str = ""
    """The SIP domain where a proxy stands before it; empty: the host of *ws_url*."""
    session_s: int = 1800
    """Seconds after which a call is over that nobody refreshed (RFC 4028)."""
    min_session_s: int = 90
    """The least that another side may ask for."""

    @property
    def domain(self) -> str:
        """The SIP domain."""
        host = self.site or urlsplit(self.ws_url).hostname or "invalid"
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    @property
    def address(self) -> str:
        """The address of record."""
        return f"sip:{self.name}@{self.domain}"
