"""Whether the router is there that the box's network names."""

from __future__ import annotations

import asyncio
import errno
from typing import Final

ROUTER_LIMIT_S: Final = 5.0
DISCARD_PORT: Final = 9
"""Of a service that hardly any router has (RFC 863): a refusal is an answer."""


async def router_fault(gateways: list[str]) -> str:
    """That none of the routers is there, in words; empty where one is, or none is needed.

    A router that refuses is there; so is one that says nothing, as long as the cable carries its
    hardware address: the kernel tells when it does not.
    """
    if not gateways:
        return ""
    for gateway in gateways:
        try:
            async with asyncio.timeout(ROUTER_LIMIT_S):
                _, writer = await asyncio.open_connection(gateway, DISCARD_PORT)
                writer.close()
        except TimeoutError:
            return ""
        except OSError as error:
            if error.errno not in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EINVAL}:
                return ""
        else:
            return ""
    return f"The router {', '.join(gateways)} does not answer."
