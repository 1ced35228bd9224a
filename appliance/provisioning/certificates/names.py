"""By which names and addresses people reach the box, and whether a certificate covers them."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import ifaddr

from appliance.provisioning.certificates.errors import CertificateError

HOST_NAME = re.compile(r"(?!.{254})[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
"""A name as DNS and certificates carry it; others are written in their ``xn--`` form."""
MOST = 64
"""Names of each kind that a certificate of the box's own carries."""

Address = IPv4Address | IPv6Address
_LOOPBACK: tuple[Address, ...] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


@dataclass(frozen=True, slots=True)
class BoxNames:
    """Host names in lower case, the best first, and addresses."""

    names: tuple[str, ...]
    addresses: tuple[Address, ...]

    def all(self) -> tuple[str, ...]:
        """Each as text, the names first."""
        return (*self.names, *map(str, self.addresses))

    def covered_by(self, carried: Iterable[str]) -> bool:
        """Whether *carried* has every name and IPv4 address, and an IPv6 address if there are any.

        Of these a machine takes new ones each day, beside one that stays (RFC 8981).
        """
        held = frozenset(carried)
        sixth = {str(a) for a in self.addresses if a.version == 6 and not a.is_loopback}
        rest = {text for text in self.all() if text not in sixth}
        return rest <= held and (not sixth or bool(sixth & held))


def machine_names(called: str = "") -> tuple[str, ...]:
    """The machine's host name, its first part, and that with ``.local`` (RFC 6762).

    It is the one *called*, else what the kernel says.
    """
    machine = (called or socket.gethostname()).lower()
    first = machine.partition(".")[0]
    return tuple(dict.fromkeys(name for name in (machine, first, f"{first}.local") if first))


def box_names(more: Iterable[str] = (), called: Callable[[], str] = str) -> BoxNames:
    """As it is now; *more* are names and addresses of the settings. Asks the kernel.

    *called* knows the machine's host name where that is newer than the kernel's.
    """
    names, addresses = [*machine_names(called()), *machine_names()], [*_interfaces()]
    for one in more:
        address = as_address(one)
        if address is None:
            names.append(one.lower())
        elif not address.is_unspecified:
            addresses.append(address)
    names = [name for name in dict.fromkeys((*names, "localhost")) if HOST_NAME.fullmatch(name)]
    unique = dict.fromkeys((*addresses, *_LOOPBACK))
    return BoxNames(tuple(names[:MOST]), tuple(unique)[:MOST])


def _interfaces() -> Iterable[Address]:
    """Addresses of this machine, those of one link only left out: a browser takes none of them."""
    for adapter in ifaddr.get_adapters():
        for found in adapter.ips:
            address = ip_address(found.ip if isinstance(found.ip, str) else found.ip[0])
            if not address.is_link_local and not address.is_loopback:
                yield address


def as_address(text: str) -> Address | None:
    """The IP address that *text* is, if it is one."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def cleaned(names: Sequence[str]) -> list[str]:
    """What somebody typed as names of a certificate, each once. Raises `CertificateError`."""
    found = list(dict.fromkeys(name.strip().lower().removesuffix(".") for name in names))
    found = [name for name in found if name]
    if not found:
        raise CertificateError("names", "Give at least one name by which people reach the box.")
    if len(found) > MOST:
        raise CertificateError("names", f"Give at most {MOST} names.")
    for name in found:
        if as_address(name) is None and not HOST_NAME.fullmatch(name):
            raise CertificateError(
                "names",
                f"“{name[:80]}” is no host name and no address. Leave https:// and the port out, "
                "and write other letters in their xn-- form.",
            )
    return [name if (address := as_address(name)) is None else str(address) for name in found]


def matches(carried: str, name: str) -> bool:
    """Whether a certificate's *carried* name is for *name* (RFC 9525, 6.3: one label by ``*``)."""
    carried, name = carried.lower(), name.lower()
    if carried == name:
        return True
    star, _, rest = carried.partition(".")
    label, _, parent = name.partition(".")
    return star == "*" and "." in rest and bool(label) and parent == rest
