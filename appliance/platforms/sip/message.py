"""SIP messages (RFC 3261 section 7): parsed with bounds, and built.

A WebSocket message carries exactly one (RFC 7118 section 5), so that its end is the body's end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from appliance.platforms.sip.errors import SipError

MAX_MESSAGE = 64 * 1024
"""Bytes; a longer message is refused."""
MAX_HEADERS = 128
VERSION = "SIP/2.0"

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"  # noqa: S105 - RFC 3261 section 25.1
_NAME = re.compile(_TOKEN)
_REQUEST = re.compile(rf"({_TOKEN}) (\S+) SIP/2\.0")
_STATUS = re.compile(r"SIP/2\.0 ([1-6]\d\d) ([^\r\n]*)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CSEQ = re.compile(rf"(\d{{1,10}})\s+({_TOKEN})")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)
"""To the end where it is not closed, so that no quotation mark is begun at twice."""
_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "k": "supported",
    "e": "content-encoding",
    "s": "subject",
    "x": "session-expires",
}
Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Message:
    """A request (``method`` is set) or a response (``status`` is)."""

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    headers: Headers = field(default_factory=list)
    body: str = ""

    def get(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        """Every line of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method. Raises `SipError` when there is none (RFC 3261 section 8.1.1.5)."""
        if not (match := _CSEQ.fullmatch(self.get("CSeq"))):
            raise SipError("A SIP message has no usable CSeq.")
        return int(match[1]), match[2]

    @property
    def branch(self) -> str:
        """The transaction's name in the topmost Via (RFC 3261 section 17.1.3)."""
        return parameter(split(self.get("Via"))[0], "branch")

    def tokens(self, name: str) -> frozenset[str]:
        """The words of a header that is a list of such."""
        return frozenset(word for line in self.all(name) for word in split(line) if word)

    def build(self) -> str:
        """The text to send; a control character in a header would be another header."""
        first = (
            f"{self.method} {self.uri} {VERSION}"
            if self.method
            else f"{VERSION} {self.status} {self.reason}"
        )
        lines = [first, *(f"{key}: {value}" for key, value in self.headers)]
        lines.append(f"Content-Length: {len(self.body.encode())}")
        if any(_CONTROL.search(line) for line in lines):
            raise SipError("A SIP header would contain a line break.")
        return "\r\n".join([*lines, "", self.body])


def parse(data: str | bytes) -> Message:
    """Raises `SipError` on anything that is not one whole message within the bounds."""
    if len(data) > MAX_MESSAGE:
        raise SipError("A SIP message is longer than 64 KB.")
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    message = _first_line(first)
    if len(lines) > MAX_HEADERS:
        raise SipError("A SIP message has more than 128 headers.")
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip()
        if not colon or not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise SipError("A SIP message has a header that is none.")
        if (full := _COMPACT.get(name.lower(), name)).lower() != "content-length":
            message.headers.append((full, value.strip()))
    message.body = body
    for needed in ("Via", "From", "To", "Call-ID"):
        if not message.get(needed):
            raise SipError(f"A SIP message has no {needed}.")
    _, method = message.cseq
    if message.method and method != message.method:
        raise SipError("A SIP request is of another method than its CSeq says.")
    return message


def _first_line(line: str) -> Message:
    if _CONTROL.search(line):
        raise SipError("A SIP message has a control character in its first line.")
    if match := _STATUS.fullmatch(line):
        return Message(status=int(match[1]), reason=match[2])
    if match := _REQUEST.fullmatch(line):
        return Message(method=match[1], uri=match[2])
    raise SipError("A SIP message has a first line that is none.")


def split(value: str, by: str = ",") -> list[str]:
    """The parts of *value* between *by*, leaving alone what is in quotes or angle brackets."""
    parts, quoted, bracketed, begun, at = [], False, False, 0, 0
    while at < len(value):
        character = value[at]
        if quoted and character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in "<>":
            bracketed = character == "<"
        elif character == by and not quoted and not bracketed:
            parts.append(value[begun:at].strip())
            begun = at + 1
        at += 1
    return [*parts, value[begun:].strip()]


def parameter(value: str, name: str) -> str:
    """A parameter behind an address or a Via, or nothing."""
    for part in split(value, ";")[1:]:
        key, _, content = part.partition("=")
        if key.strip().lower() == name:
            return content.strip().strip('"')
    return ""


def address(value: str) -> str:
    """The URI of a From, To, Contact or Route (RFC 3261 section 20.10)."""
    if match := re.search(r"<([^<>]*)>", _QUOTED.sub("", value)):
        return match[1].strip()
    return split(value, ";")[0]


def user_of(value: str) -> str:
    """The user part of the URI of a From, To or Contact, or nothing."""
    match = re.match(r"sips?:([^@;>]*)@", address(value))
    return match[1] if match else ""
