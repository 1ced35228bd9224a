"""Digest access authentication (RFC 7616, RFC 8760) with ``qop=auth`` or none."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import split

_HASHES = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}


@dataclass(slots=True)
class Challenge:
    """One that can be answered; ``count`` is how often its nonce was used."""

    realm: str
    nonce: str
    algorithm: str
    qop: bool
    opaque: str | None
    stale: bool
    count: int = 0


def parse_challenge(value: str) -> dict[str, str]:
    """The parameters of one challenge. Raises `SipError` when it is not digest."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        raise SipError("The SIP server asks for another sign-in than digest.")
    found: dict[str, str] = {}
    for part in split(rest):
        key, _, content = part.partition("=")
        text = content.strip()
        if len(text) >= 2 and text[0] == text[-1] == '"':
            text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        found[key.strip().lower()] = text
    return found


def challenges_of(values: Iterable[str]) -> list[Challenge]:
    """The topmost challenge that we know, of each realm (RFC 8760 section 2.4, RFC 3261 22.3)."""
    found: dict[str, Challenge] = {}
    for value in values:
        try:
            words = parse_challenge(value)
        except SipError:
            continue
        algorithm = words.get("algorithm", "MD5")
        qops = [word.strip() for word in words.get("qop", "").split(",") if word.strip()]
        usable = "nonce" in words and "realm" in words and (not qops or "auth" in qops)
        if usable and algorithm.lower() in _HASHES:
            challenge = Challenge(
                words["realm"],
                words["nonce"],
                algorithm,
                bool(qops),
                words.get("opaque"),
                words.get("stale", "").lower() == "true",
            )
            found.setdefault(challenge.realm, challenge)
    return list(found.values())


def authorization(
    challenge: Challenge, *, user: str, password: str, method: str, uri: str, cnonce: str = ""
) -> str:
    """The header that answers *challenge* once more; counts (RFC 7616 section 3.4)."""

    def hashed(*parts: str) -> str:
        digest = hashlib.new(_HASHES[challenge.algorithm.lower()], ":".join(parts).encode())
        return digest.hexdigest()

    challenge.count += 1
    cnonce, count = cnonce or secrets.token_hex(8), f"{challenge.count:08x}"
    realm, nonce = challenge.realm, challenge.nonce
    secret, asked = hashed(user, realm, password), hashed(method, uri)
    words = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    if challenge.qop:
        words["response"] = hashed(secret, nonce, count, cnonce, "auth", asked)
        words["cnonce"] = cnonce
    else:
        words["response"] = hashed(secret, nonce, asked)
    if challenge.opaque is not None:
        words["opaque"] = challenge.opaque
    quoted = ", ".join(f'{key}="{_escaped(value)}"' for key, value in words.items())
    counted = f", qop=auth, nc={count}" if challenge.qop else ""
    return f"Digest {quoted}, algorithm={challenge.algorithm}{counted}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
