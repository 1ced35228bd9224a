"""Syslog messages: their form (RFC 5424), and how a stream tells one from the next (RFC 6587)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

FACILITIES: Final = {"daemon": 3, **{f"local{n}": 16 + n for n in range(8)}}
"""Numerical codes (RFC 5424, table 1)."""
NOTICE, INFO = 5, 6
"""Severities (RFC 5424, table 2), which are the journal's priorities."""
MOST_IN_STREAM: Final = 8192
"""Octets that a receiver should take over TLS (RFC 5425, 4.3.1), and here over TCP too."""
MOST_IN_DATAGRAM: Final = 2048
"""Octets that one should take in a datagram (RFC 5426, 3.2)."""
_CUT: Final = "…"
_UNPRINTABLE: Final = re.compile(r"[^!-~]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""Those of ASCII and of Unicode, terminals take orders from both; and its two breaks of lines."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to be told."""

    text: str
    severity: int = INFO
    app: str = "bargebox-control"
    process: str = ""
    kind: str = ""
    """The header's MSGID: what sort of line it is."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    cursor: str = ""
    """Where in the journal it is."""


def formed(line: Line, facility: str, host: str, number: int, most: int) -> bytes:
    """The message, in at most *most* octets; *number* (from 1) is its ``sequenceId`` (RFC 5424,
    7.3.1), by which a receiver sees that some did not arrive.

    The text is UTF-8 without the mark that RFC 5424 asks for, which receivers show as dirt; it is
    then text of an encoding that is not told, which the RFC allows (MSG-ANY). Line breaks and
    other control characters become spaces.
    """
    priority = FACILITIES[facility] * 8 + line.severity
    at = line.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    head = (
        f"<{priority}>1 {at}Z {_word(host, 255)} {_word(line.app, 48)} "
        f'{_word(line.process, 128)} {_word(line.kind, 32)} [meta sequenceId="{number}"] '
    ).encode("ascii")
    text = _CONTROL.sub(" ", line.text).strip().encode("utf-8", "replace")
    room = most - len(head)
    if len(text) > room:
        cut = text[: room - len(_CUT.encode())].decode("utf-8", "ignore")
        text = f"{cut}{_CUT}".encode()
    return head + text


def framed(message: bytes) -> bytes:
    """The message within a stream, by octet counting (RFC 6587, 3.4.1; RFC 5425, 4.3)."""
    return b"%d %s" % (len(message), message)


def _word(text: str, most: int) -> str:
    """A field of the header: printable ASCII, or the mark of none."""
    return _UNPRINTABLE.sub("_", text)[:most] or "-"
