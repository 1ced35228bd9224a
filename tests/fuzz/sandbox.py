"""The sandbox's replies and events."""

from __future__ import annotations

from pydantic import ValidationError

from appliance.platforms.sandbox import wire


def messages(data: bytes) -> None:
    """One message. What is understood is understood again when it is written."""
    try:
        event = wire.events.validate_json(data)
    except ValidationError:
        return
    assert wire.events.validate_json(wire.events.dump_json(event)) == event
