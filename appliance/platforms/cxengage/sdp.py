"""Session descriptions between leg and voice gateway: the care that both need."""

from __future__ import annotations

import re

MOST = 64 * 1024
"""Characters of a description."""
MID = "audio"


def for_leg(offer: str) -> str:
    """The gateway's *offer* with a ``mid``, without which a leg bundles nothing (RFC 9143)."""
    lines = _lines(offer)
    if any(line.startswith("a=mid:") for line in lines):
        return _text(lines)
    out: list[str] = []
    media = 0
    for line in lines:
        if line.startswith("m="):
            if media == 0:
                out.append(f"a=group:BUNDLE {MID}")
            media += 1
            out += [line, f"a=mid:{MID if media == 1 else f'{MID}{media}'}"]
        elif not line.startswith("a=group:BUNDLE"):
            out.append(line)
    # The connection and bandwidth lines of a section come before its attributes (RFC 8866).
    return _text(_attributes_last(out))


def for_gateway(answer: str, offer: str) -> str:
    """The leg's *answer* as the gateway expects it.

    The profile is the offered one, only the sha-256 fingerprint stays, and nothing is bundled
    that the offer did not name.
    """
    offered = _lines(offer)
    profiles = [line.split()[2] for line in offered if re.match(r"m=\S+ \S+ \S+ ", line)]
    named = any(line.startswith("a=mid:") for line in offered)
    out: list[str] = []
    section = 0
    for line in _lines(answer):
        if line.startswith("m=") and len(words := line.split()) > 3:
            if section < len(profiles):
                words[2] = profiles[section]
            section += 1
            out.append(" ".join(words))
        elif (
            line.startswith("a=fingerprint:")
            and not line.lower().startswith("a=fingerprint:sha-256 ")
        ) or (not named and line.startswith(("a=mid:", "a=group:"))):
            continue
        else:
            out.append(line)
    return _text(out)


def _attributes_last(lines: list[str]) -> list[str]:
    out: list[str] = []
    mids: list[str] = []
    for line in lines:
        if line.startswith("a=mid:"):
            mids.append(line)
            continue
        if mids and line[:2] not in ("i=", "c=", "b=", "k="):
            out.append(mids.pop())
        out.append(line)
    return out + mids


def _lines(sdp: str) -> list[str]:
    return [line for line in re.split(r"\r\n|\r|\n", sdp[:MOST]) if line]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
