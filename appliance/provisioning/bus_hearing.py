"""What a service on the bus tells everybody, for as long as somebody wants to know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from dbus_fast import Message, MessageType
from dbus_fast.unpack import unpack_variants

from appliance.provisioning.bus import BUS, Talk

OWNER_CHANGED: Final = "NameOwnerChanged"
"""Somebody else has a name: the name, its former owner and its new one, empty for nobody."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a service told, variants unpacked."""

    member: str
    body: list[Any]


@asynccontextmanager
async def hearing(talk: Talk, service: str, hear: Callable[[Signal], None]) -> AsyncIterator[None]:
    """Have *hear* called with each signal of *service*, and when its name's owner is another.

    Only the owner is believed: anybody on the bus may send a signal straight to another. Raises
    `BusError`.
    """
    owner = ""

    def take(message: Message) -> None:
        nonlocal owner
        if message.message_type is not MessageType.SIGNAL:
            return
        body = unpack_variants(message.body)
        if message.sender == BUS.service and message.member == OWNER_CHANGED:
            if body[0] != service:
                return
            owner = str(body[2])
        elif not owner or message.sender != owner:
            return
        hear(Signal(message.member or "", body))

    by_name = f"type='signal',sender='{BUS.service}',member='{OWNER_CHANGED}',arg0='{service}'"
    for rule in (by_name, f"type='signal',sender='{service}'"):
        await talk.call(BUS, "AddMatch", "s", rule)
    with talk.messages(take):
        if await talk.runs(service):
            (owner,) = await talk.call(BUS, "GetNameOwner", "s", service)
        yield
