"""What reads a platform's words, each as one function of bytes that may raise nothing.

A further parser is a function here, its name in `PARSERS`, and messages that its server really
sent in ``seeds/NAME/``. Its own errors are caught here; whatever else it raises is a bug.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fuzz import asterisk, cxengage, janus, sandbox, sip

Parser = Callable[[bytes], None]

PARSERS: dict[str, Parser] = {
    "sip": sip.messages,
    "sip-digest": sip.challenges,
    "sip-agent": sip.agent,
    "ari": asterisk.events,
    "ari-answers": asterisk.answers,
    "ami": asterisk.manager,
    "janus": janus.messages,
    "janus-rooms": janus.rooms,
    "sandbox": sandbox.messages,
    "cxengage": cxengage.answers,
    "sqs": cxengage.queue,
    "voice": cxengage.gateway,
}
MOST_BYTES = 128 * 1024
"""No input is longer: twice what the longest of the bounded texts may have."""
SEEDS = Path(__file__).parent / "seeds"
FINDS = Path(__file__).parent / "finds"
"""In a folder for each parser: inputs that did harm once."""


def seeds(name: str) -> list[bytes]:
    """What real servers said, without anybody's secrets."""
    return [file.read_bytes() for file in sorted((SEEDS / name).iterdir())]
