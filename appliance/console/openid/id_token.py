"""Whether an ID token is to be believed (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyCurveError, JoseError
from joserfc.jws import JWSRegistry, extract_compact

from appliance.console.openid.errors import TokenError
from appliance.console.openid.provider import ALGORITHMS, PublicKey

SKEW_S = 120.0
"""How far the clocks of the box and of the provider may be apart."""
MAX_BYTES = 64 * 1024
MAX_SUBJECT = 255


class UnknownKeyError(TokenError):
    """It is signed with a key that is not among those; the provider may have new ones."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token must say."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str = ""


def claims_of(
    token: str,
    keys: Iterable[PublicKey],
    expected: Expected,
    *,
    clock: Callable[[], float] = time.time,
) -> Mapping[str, Any]:
    """What the token says, if it is to be believed. Raises `TokenError`."""
    if len(token) > MAX_BYTES:
        raise TokenError("format")
    algorithm, claims = _signed(token, list(keys))
    if claims.get("iss") != expected.issuer:
        raise TokenError("issuer")
    _check_audience(claims, expected.client_id)
    _check_times(claims, clock())
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not _same(nonce, expected.nonce):
        raise TokenError("nonce")
    bound = claims.get("at_hash")
    if bound is not None and not (
        isinstance(bound, str) and _same(bound, half_hash(algorithm, expected.access_token))
    ):
        raise TokenError("access_token")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT or not is_text(subject):
        raise TokenError("subject")
    return claims


def _signed(token: str, keys: list[PublicKey]) -> tuple[str, Mapping[str, Any]]:
    try:
        header = extract_compact(token.encode()).protected
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TokenError("format") from error
    algorithm, key_id = header.get("alg"), header.get("kid")
    fitting = [
        key
        for key in keys
        if algorithm in ALGORITHMS[key.key_type]
        and key.dict_value.get("alg", algorithm) == algorithm
    ]
    if not any(algorithm in names for names in ALGORITHMS.values()):
        raise TokenError("algorithm")
    if key_id is not None:
        fitting = [key for key in fitting if key.dict_value.get("kid", key_id) == key_id]
    # What else a header says is ignored, unless it is critical (RFC 7515, 4).
    registry = JWSRegistry(algorithms=[str(algorithm)], strict_check_header=False)
    for key in fitting:
        try:
            return str(algorithm), jwt.decode(token, key, registry=registry).claims
        except (BadSignatureError, InvalidKeyCurveError):
            continue  # another of them may be the one
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise TokenError("format") from error
    raise UnknownKeyError("signature")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    meant = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    if client_id not in meant or (party is None and len(meant) > 1):
        raise TokenError("audience")
    if party is not None and party != client_id:
        raise TokenError("audience")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    begins = _moment(claims, "nbf") if "nbf" in claims else issued
    if expires <= now - SKEW_S:
        raise TokenError("expired")
    if max(issued, begins) > now + SKEW_S:
        raise TokenError("future")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError("format")
    if isinstance(value, float) and not math.isfinite(value):  # JSON has none, but Python reads it
        raise TokenError("format")
    return value


def half_hash(algorithm: str, access_token: str) -> str:
    """``at_hash``: the left half of the token's hash (Core 1.0, 3.1.3.6)."""
    size = algorithm[2:] if algorithm[2:] in {"256", "384", "512"} else "512"
    digest = hashlib.new(f"sha{size}", access_token.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def is_text(value: str) -> bool:
    """Whether it can be written down: JSON may hold halves of characters (RFC 8259, 8.2)."""
    return not any("\ud800" <= c <= "\udfff" for c in value)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
