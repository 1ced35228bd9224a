"""Addresses as people type them: checked each, and told what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

from appliance.provisioning.words import said

Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address

_EXAMPLES = {4: ("192.0.2.10/24", "192.0.2.1"), 6: ("2001:db8::10/64", "2001:db8::1")}


def interface(text: str, version: int) -> Interface:
    """An address with its prefix that a box may have. Raises ``ValueError`` in plain words."""
    example = _EXAMPLES[version][0]
    host, slash, prefix = text.strip().partition("/")
    if not slash:
        raise ValueError(said("Give the prefix too, as in {example}.", example=example))
    plain = _plain(host, version)
    longest = 32 if version == 4 else 128
    if not (prefix.isascii() and prefix.isdigit() and 1 <= int(prefix) <= longest):
        raise ValueError(
            said(
                "The prefix after / is a number from 1 to {longest}, as in {example}.",
                longest=longest,
                example=example,
            )
        )
    whole = f"{plain}/{prefix}"
    found: Interface = IPv4Interface(whole) if version == 4 else IPv6Interface(whole)
    if found.ip.is_multicast or found.ip.is_loopback or found.ip.is_unspecified:
        raise ValueError("A box cannot have this address.")
    if found.ip.is_link_local:
        raise ValueError("The box makes itself such an address; give another.")
    if version == 4 and int(prefix) < 31 and found.ip in _ends(found):
        words = said("This address stands for the whole of {net}; give another.", net=found.network)
        raise ValueError(words)
    return found


def address(text: str, version: int | None = None) -> Address:
    """A single address. Raises ``ValueError`` in plain words."""
    found = _plain(text.strip(), version)
    if found.is_multicast or found.is_unspecified:
        raise ValueError("No server or gateway has this address.")
    return found


def distinct(texts: Iterable[str]) -> list[str]:
    """The texts, when none is there twice. Raises ``ValueError``."""
    found: list[str] = []
    for text in texts:
        if text in found:
            raise ValueError(said("{what} is there twice; give each once.", what=text))
        found.append(text)
    return found


def _plain(text: str, version: int | None) -> Address:
    example = _EXAMPLES[version or 4][1]
    if version is None:
        wrong = said("This is no address; give one such as {example}.", example=example)
    else:
        wrong = said(
            "This is no IPv{version} address; give one such as {example}.",
            version=version,
            example=example,
        )
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError(wrong) from None
    if version not in {None, found.version}:
        raise ValueError(wrong)
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        raise ValueError("Give the address without % and what follows.")
    return found


def _ends(found: Interface) -> tuple[Address, Address]:
    return found.network.network_address, found.network.broadcast_address


def domain(text: str) -> str:
    """A domain name (RFC 1123, 2.1), in small letters. Raises ``ValueError`` in plain words."""
    name = text.strip().removesuffix(".").lower()
    labels = name.split(".")
    right = all(
        0 < len(label) <= 63
        and label.replace("-", "").isalnum()
        and label.isascii()
        and not label.startswith("-")
        and not label.endswith("-")
        for label in labels
    )
    if not right or len(name) > 253:
        raise ValueError("This is no domain name; give one such as example.org.")
    return name


Address4 = Annotated[str, Field(max_length=64), AfterValidator(lambda t: str(interface(t, 4)))]
Address6 = Annotated[str, Field(max_length=64), AfterValidator(lambda t: str(interface(t, 6)))]
Server4 = Annotated[str, Field(max_length=64), AfterValidator(lambda t: str(address(t, 4)))]
Server6 = Annotated[str, Field(max_length=64), AfterValidator(lambda t: str(address(t, 6)))]
Domain = Annotated[str, Field(max_length=254), AfterValidator(domain)]
