"""What a leg is called at Janus: all of it made from the session's handle, so that a later life
finds it again, and nothing of it tells the handle.
"""

from __future__ import annotations

import hashlib

PREFIX = "bargebox-"


def session_id(handle: str) -> int:
    """The Janus session of the leg: 1 to 2⁵², which every JSON reader takes."""
    return int(_digest("session", handle)[:13], 16) + 1


def voice(handle: str) -> str:
    """The leg's id as an AudioBridge participant; agent and customer see it once it barges in."""
    return PREFIX + _digest("voice", handle)[:16]


def own_room(handle: str) -> str:
    """The room that is the leg's own: its voice is alone there while it is muted."""
    return PREFIX + _digest("room", handle)[:16]


def own_secret(handle: str) -> str:
    """PIN and secret of that room."""
    return _digest("secret", handle)[:32]


def _digest(purpose: str, handle: str) -> str:
    return hashlib.sha256(f"{purpose}:{handle}".encode()).hexdigest()
