"""ARI and AMI: events as the listing takes them, and the answers to requests."""

from __future__ import annotations

import contextlib

from pydantic_core import from_json

from appliance.platforms.asterisk import ari, wire
from appliance.platforms.asterisk.ami_text import MAX_MESSAGE, AmiMessage, AmiReader
from appliance.platforms.asterisk.ami_wire import Translator
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import PlatformError

SETTINGS = AsteriskSettings.model_validate(
    {
        "agents": [{"endpoint": "agent-*"}],
        "monitoring_variable": "MONITORING",
        "queue_variable": "QUEUE",
    }
)
MOST_EVENTS = 50


def events(data: bytes) -> None:
    """Events, one a line, in a listing that begins empty."""
    listing = Listing(SETTINGS)
    for line in data.split(b"\n")[:MOST_EVENTS]:
        try:
            event = ari._event(line)
        except ValueError:  # pydantic's is one too
            continue
        for interaction in listing.apply(event) if event is not None else ():
            assert interaction.id
    # Whatever was heard, what is read anew counts.
    listing.replace_all([], [])
    assert not listing.shown


def answers(data: bytes) -> None:
    """Channels, or bridges."""
    with contextlib.suppress(PlatformError, ValueError):
        ari._read(wire.bridges.validate_python, from_json(data))
    with contextlib.suppress(PlatformError, ValueError):
        channels = ari._read(wire.channels.validate_python, from_json(data))
        Listing(SETTINGS).replace_all(channels, [])


def manager(data: bytes) -> None:
    """Messages of AMI in two pieces, as events and as the answer to a request."""
    reader, translator, listing = AmiReader(), Translator("bargebox"), Listing(SETTINGS)
    messages: list[AmiMessage] = []
    with contextlib.suppress(PlatformError):
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            messages += reader.feed(piece)
    assert len(reader._waiting) <= MAX_MESSAGE + len(data)
    for message in messages[:MOST_EVENTS]:
        event = translator.event(message)
        for interaction in listing.apply(event) if event is not None else ():
            assert interaction.id
    listing.replace_all(*translator.listed(messages[:MOST_EVENTS]))
    listing.replace_all([], [])
    assert not listing.shown
