"""Addresses in the settings: refused in words where no connection could ever be made to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

LONGEST = 300
LOOPBACK = "127.0.0.1"
_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_FILLED_IN = re.compile(r"\{(edge|region)\}")


def is_address(
    *schemes: str, plain: str = "", or_empty: bool = False, filled_in: bool = False
) -> Callable[[str], str]:
    """A check of one address: it has one of *schemes*, or *plain* when it stays on this machine.

    With *filled_in* it may hold the places ``{edge}`` and ``{region}``. The check raises
    ``ValueError`` in words and repeats nothing of the address.
    """
    begins = tuple(f"{scheme}://" for scheme in schemes)

    def check(text: str) -> str:
        if or_empty and not text:
            return text
        if not text.isascii() or not text.isprintable() or " " in text or "#" in text:
            raise ValueError("An address has no spaces, no # and no letters beyond ASCII.")
        wanted = ValueError(f"The address begins with {' or '.join(begins)}.")
        if not text.startswith((*begins, f"{plain}://")):
            raise wanted
        parts = _parts(_FILLED_IN.sub("-x", text) if filled_in else text)
        if not text.startswith(begins) and parts.hostname != LOOPBACK:
            raise wanted
        return text

    return check


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError("The address has no such host, or no such port.") from error
    if "@" in parts.netloc:
        raise ValueError("User and password belong into their own fields.")
    if not _is_host(parts.hostname or "", bracketed="[" in parts.netloc) or port == 0:
        raise ValueError("The address needs the name or number of a host, and no port 0.")
    return parts


def _is_host(host: str, *, bracketed: bool) -> bool:
    """Whether a connection could be tried: resolvers and clients fail on anything else."""
    try:
        if bracketed:
            return "%" not in host and bool(IPv6Address(host))
        if re.fullmatch(r"[0-9.]+", host):
            return bool(IPv4Address(host))
    except ValueError:
        return False
    return _NAME.fullmatch(host) is not None


_field = Field(max_length=LONGEST, json_schema_extra={"format": "uri"})

HttpAddress = Annotated[str, _field, AfterValidator(is_address("http", "https"))]
WsAddress = Annotated[str, _field, AfterValidator(is_address("ws", "wss"))]
WsAddressOrNone = Annotated[str, _field, AfterValidator(is_address("ws", "wss", or_empty=True))]
"""The same, or empty."""
AmiAddress = Annotated[str, _field, AfterValidator(is_address("tcp", "tls"))]
SafeHttpAddress = Annotated[str, _field, AfterValidator(is_address("https", plain="http"))]
"""Over TLS, but for this machine itself."""
SafeHttpAddressOrNone = Annotated[
    str, _field, AfterValidator(is_address("https", plain="http", or_empty=True))
]
"""The same, or empty."""
SafeWsTemplate = Annotated[
    str, _field, AfterValidator(is_address("wss", plain="ws", filled_in=True))
]
"""Over TLS, but for this machine itself; with places that are filled in."""
