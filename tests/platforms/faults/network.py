"""The one interface of ``tools/in-namespace``, under the box and the platform alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.platforms.faults.relay import Relay

LINK, LINK_S = "bargebox0", 5.0
ADDRESS, ANOTHER = "10.77.0.1/24", "10.77.0.2/24"
LOCAL = ("lookup", "local")
UDP = "17"
"""By its number: a bare Debian has no list of names (`/etc/protocols`)."""
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
APART = 50_000, 50_999
"""No server's own media ports are among these."""


@asynccontextmanager
async def no_link() -> AsyncIterator[None]:
    """The interface is down; what the machine says to itself still arrives."""
    await _link("down")
    try:
        yield
    finally:
        await _link("up")


@contextmanager
def ports_apart() -> Iterator[None]:
    """Ports that are made in the meantime are apart from the others: `no_media` is for them."""
    before = PORTS.read_text()
    PORTS.write_text("{} {}".format(*APART))
    try:
        yield
    finally:
        PORTS.write_text(before)


@asynccontextmanager
async def no_media() -> AsyncIterator[None]:
    """No UDP packet gets to or from the ports apart; who sends one is told. TCP goes on."""
    ports = "{}-{}".format(*APART)
    # The kernel's own addresses come before any rule until their rule comes later.
    await _ip("rule", "add", "pref", "10", *LOCAL)
    await _ip("rule", "del", "pref", "0", *LOCAL)
    await _ip("rule", "add", "pref", "5", "ipproto", UDP, "sport", ports, "unreachable")
    await _ip("rule", "add", "pref", "6", "ipproto", UDP, "dport", ports, "unreachable")
    try:
        yield
    finally:
        await _ip("rule", "del", "pref", "5")
        await _ip("rule", "del", "pref", "6")
        await _ip("rule", "add", "pref", "0", *LOCAL)
        await _ip("rule", "del", "pref", "10", *LOCAL)


@asynccontextmanager
async def no_network(relay: Relay) -> AsyncIterator[None]:
    """Neither media nor signalling, which goes by way of *relay*, as without the cable."""
    async with no_media():
        relay.cut(down=True)
        try:
            yield
        finally:
            relay.mend()


@asynccontextmanager
async def another_address() -> AsyncIterator[None]:
    """The interface has lost its address, and has another one in its place."""
    await _ip("address", "del", ADDRESS, "dev", LINK)
    await _ip("address", "add", ANOTHER, "dev", LINK)
    try:
        yield
    finally:
        await _ip("address", "del", ANOTHER, "dev", LINK)
        await _ip("address", "add", ADDRESS, "dev", LINK)


async def _link(state: str) -> None:
    await _ip("link", "set", LINK, state)
    async with asyncio.timeout(LINK_S):
        while f"state {state.upper()}" not in await _shown():
            await asyncio.sleep(0.05)


async def _ip(*words: str) -> None:
    setting = await asyncio.create_subprocess_exec("ip", *words)
    assert await setting.wait() == 0


async def _shown() -> str:
    showing = await asyncio.create_subprocess_exec(
        "ip", "link", "show", LINK, stdout=asyncio.subprocess.PIPE
    )
    return (await showing.communicate())[0].decode()
