"""Session descriptions (RFC 8866, RFC 3264), as far as a call that is up must look at them.

The leg's connection cannot be negotiated anew while it runs: what changes more than a direction
is refused, and the call goes on as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_FIXED = ("ice-ufrag", "ice-pwd", "fingerprint")
_OF_PAYLOAD = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ")
_ORIGIN = re.compile(r"(o=\S+ \S+ )(\d{1,19})( .*)")
Section = list[str]


def sections(sdp: str) -> list[Section]:
    """The session's lines, then those of each medium."""
    parts: list[Section] = [[]]
    for line in re.split(r"\r\n|\r|\n", sdp):
        if line.startswith("m="):
            parts.append([])
        if line:
            parts[-1].append(line)
    return parts


def text_of(parts: Iterable[Section]) -> str:
    """The other way."""
    return "".join(f"{line}\r\n" for part in parts for line in part)


def with_mids(offer: str, answer: str) -> str:
    """*answer*, its media named as *offer* does where it names none.

    A proxy or gateway may leave ``mid`` out (RFC 5888 section 9.1); the order of the media says
    which is which, and a WebRTC connection wants the names.
    """
    offered, answered = sections(offer), sections(answer)
    if len(offered) != len(answered):
        return answer
    changed = False
    for theirs, ours in zip(offered[1:], answered[1:], strict=True):
        mid = _attribute("mid", theirs)
        if mid is not None and _attribute("mid", ours) is None:
            ours.append(f"a=mid:{mid}")
            changed = True
    return text_of(answered) if changed else answer


def answer_again(before: str, offer: str, made: str, said: str) -> str | None:
    """Our answer to another *offer* within a call; None when it asks for another connection.

    *before* is what the other side described last, *made* what our leg did, and *said* the last
    that we answered from it: the same again when nothing changes (RFC 3264 section 8).
    """
    if not before or not made:
        return None
    known, wanted, parts = sections(before), sections(offer), sections(made)
    if not len(known) == len(wanted) == len(parts):
        return None
    unchanged = offer == before or _same_version(before, offer)
    if not unchanged and not all(
        _same_connection(known[0] + was, wanted[0] + now)
        for was, now in zip(known[1:], wanted[1:], strict=True)
    ):
        return None
    for number, (mine, theirs) in enumerate(zip(parts[1:], wanted[1:], strict=True), 1):
        formats = [one for one in _formats(mine) if one in _formats(theirs)]
        if not formats:
            return None
        parts[number] = _fitted(mine, theirs, wanted[0], formats)
    last = sections(said)
    if [set(part) for part in parts[1:]] == [set(part) for part in last[1:]]:
        return said
    parts[0] = [_counted_up(line) for line in last[0]]
    return text_of(parts)


def _fitted(mine: Section, theirs: Section, session: Section, formats: list[str]) -> Section:
    """One medium of ours: the direction, the role and the name that answer theirs."""
    direction = _both(_direction(mine, session=[]), _direction(theirs, session))
    setup, mid = _attribute("setup", theirs + session), _attribute("mid", theirs)
    out: Section = []
    for line in mine:
        word = line.removeprefix("a=")
        if line.startswith("m="):
            line = " ".join([*line.split(" ")[:3], *formats])
        elif word in _DIRECTIONS:
            continue
        elif word == "setup:actpass":  # ours was an offer; the roles were agreed then
            line = f"a=setup:{'active' if setup == 'passive' else 'passive'}"
        elif word.startswith("mid:") and mid is not None:
            line = f"a=mid:{mid}"
        elif (match := _OF_PAYLOAD.match(line)) and match[1] not in formats:
            continue
        out.append(line)
    return [*out, f"a={direction}"]


def _both(ours: str, offered: str) -> str:
    """What is left of our direction under the offered one."""
    sends = ours in ("sendrecv", "sendonly") and offered in ("sendrecv", "recvonly")
    receives = ours in ("sendrecv", "recvonly") and offered in ("sendrecv", "sendonly")
    return _DIRECTIONS[(0 if receives else 1) if sends else (2 if receives else 3)]


def _direction(section: Section, session: Section) -> str:
    for line in (*section, *session):
        if line.removeprefix("a=") in _DIRECTIONS:
            return line.removeprefix("a=")
    return "sendrecv"


def _formats(section: Section) -> list[str]:
    return section[0].split()[3:]


def _attribute(name: str, section: Section) -> str | None:
    prefix = f"a={name}:"
    return next((line[len(prefix) :] for line in section if line.startswith(prefix)), None)


def _same_connection(was: Section, now: Section) -> bool:
    """Kind, profile and all that ICE, DTLS and the codecs depend on."""
    return _essence(was) == _essence(now) and _compatible(_codecs(was), _codecs(now))


def _essence(section: Section) -> list[object]:
    medium = next(line for line in section if line.startswith("m=")).split()
    alive = medium[1:2] != ["0"]
    fixed = [sorted(line for line in section if line.startswith(f"a={one}:")) for one in _FIXED]
    return [medium[0], medium[2:3], alive, fixed]


def _codecs(section: Section) -> dict[str, str]:
    lines = (line.removeprefix("a=rtpmap:").split(" ", 1) for line in section)
    return {one[0]: one[1].lower() for one in lines if len(one) == 2 and one[0].isdigit()}


def _compatible(was: dict[str, str], now: dict[str, str]) -> bool:
    """No number means another codec than it did."""
    return all(was.get(number, codec) == codec for number, codec in now.items())


def _same_version(before: str, offer: str) -> bool:
    """The origin line says that nothing has changed (RFC 3264 section 8)."""
    lines = [[one for one in sections(sdp)[0] if one.startswith("o=")] for sdp in (before, offer)]
    return bool(lines[0]) and lines[0] == lines[1]


def _counted_up(line: str) -> str:
    match = _ORIGIN.fullmatch(line)
    return f"{match[1]}{int(match[2]) + 1}{match[3]}" if match else line
