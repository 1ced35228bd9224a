"""Under which names the box answers, so that no foreign name can be made to point at it.

DNS rebinding: a page at a name of the attacker's lets that name point at the box, and the browser
then takes the box for the page's own server. The one trace of it is the ``Host`` header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from appliance.provisioning.certificates.names import machine_names

_HOST = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^\[\]:]+))(?::[0-9]{0,5})?")


class OwnNames:
    """Addresses, ``localhost``, the machine's name with and without ``.local``, and *more*.

    *also* says of any other name whether it is the box's.

    The machine's name is read once: the unit does not let control see it change.
    """

    def __init__(
        self, more: Iterable[str] = (), also: Callable[[str], bool] = lambda _name: False
    ) -> None:
        names = {"localhost", *machine_names(), *more}
        first = next(iter(machine_names()), "").partition(".")[0]
        self._also = also
        # Two boxes of one name: mDNS gives the later one a number (RFC 6762, 9).
        self._numbered = re.compile(rf"{re.escape(first)}-[0-9]{{1,3}}\.local")
        self._names = frozenset(name.lower() for name in names if name)

    def has(self, host: str) -> bool:
        """Whether a ``Host`` header (RFC 9110, 7.2) names this box; the port does not matter."""
        parts = _HOST.fullmatch(host)
        if parts is None:
            return False
        if parts["v6"] is not None:
            return _is(IPv6Address, parts["v6"])
        name = parts["name"].lower().removesuffix(".")
        # An address cannot be rebound: with one as its host, a page's origin is that address.
        if name in self._names or self._numbered.fullmatch(name) or _is(IPv4Address, name):
            return True
        return self._also(name)


def _is(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True
