"""Digest access authentication (RFC 7616, RFC 8760): MD5 and SHA-256, ``qop=auth`` or none."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import split

_HASHES = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


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


def authorization(
    challenges: Iterable[str], *, user: str, password: str, method: str, uri: str, cnonce: str = ""
) -> str:
    """The header that answers the topmost challenge that we know (RFC 8760 section 2.4).

    Raises `SipError` when none is known.
    """
    for value in challenges:
        try:
            challenge = parse_challenge(value)
        except SipError:
            continue
        algorithm = challenge.get("algorithm", "MD5")
        qops = [word.strip() for word in challenge.get("qop", "").split(",") if word.strip()]
        usable = "nonce" in challenge and "realm" in challenge and (not qops or "auth" in qops)
        if usable and algorithm.lower() in _HASHES:
            cnonce = cnonce or secrets.token_hex(8)
            return _answer(challenge, algorithm, bool(qops), user, password, method, uri, cnonce)
    raise SipError("The SIP server asks for a sign-in that this box does not know.")


def _answer(
    challenge: dict[str, str],
    algorithm: str,
    qop: bool,
    user: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
) -> str:
    def hashed(*parts: str) -> str:
        return _HASHES[algorithm.lower()](":".join(parts).encode()).hexdigest()

    realm, nonce = challenge["realm"], challenge["nonce"]
    secret, asked = hashed(user, realm, password), hashed(method, uri)
    words = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    if qop:
        words["response"] = hashed(secret, nonce, "00000001", cnonce, "auth", asked)
        words["cnonce"] = cnonce
    else:
        words["response"] = hashed(secret, nonce, asked)
    if "opaque" in challenge:
        words["opaque"] = challenge["opaque"]
    quoted = ", ".join(f'{key}="{_escaped(value)}"' for key, value in words.items())
    return f"Digest {quoted}, algorithm={algorithm}" + (", qop=auth, nc=00000001" if qop else "")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
