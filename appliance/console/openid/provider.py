"""The provider as it describes itself (OpenID Connect Discovery 1.0), and its keys (RFC 7517)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from appliance.console.openid.errors import AnswerError
from appliance.console.openid.fetch import ask

PublicKey = RSAKey | ECKey | OKPKey

ALGORITHMS: Final = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("Ed25519",),
}
"""Signatures that are believed, by the key's type: never ``none``, and none by a shared secret."""
ALL_ALGORITHMS: Final = frozenset(name for names in ALGORITHMS.values() for name in names)
MOST_KEYS = 50
SMALLEST_RSA = 2048
LONGEST_ADDRESS = 2000


@dataclass(frozen=True, slots=True)
class Provider:
    """What the box needs of the provider's description."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str
    """Empty where there is none."""
    secret_in_form: bool
    """It takes the client's secret in the form alone, and not as HTTP Basic does."""
    names_itself: bool
    """It says in each answer who it is (RFC 9207)."""
    names_pkce: bool

    @classmethod
    async def discover(cls, issuer: str) -> Provider:
        """Ask the provider. Raises `AwayError`, `AnswerError`."""
        address = issuer.rstrip("/") + "/.well-known/openid-configuration"
        answer = await ask(address)
        if answer.status != 200:
            raise AnswerError("status", status=str(answer.status))
        return cls.read(issuer, answer.body)

    @classmethod
    def read(cls, issuer: str, body: Mapping[str, Any]) -> Provider:
        """From its description. Raises `AnswerError` for one that cannot be used."""
        if body.get("issuer") != issuer:
            raise AnswerError("other_issuer", issuer=str(body.get("issuer", "nothing")))
        if "code" not in _listed(body, "response_types_supported", ("code",)):
            raise AnswerError("no_code")
        methods = _listed(body, "code_challenge_methods_supported", ())
        if methods and "S256" not in methods:
            raise AnswerError("no_pkce")
        signed = _listed(body, "id_token_signing_alg_values_supported", ("RS256",))
        if ALL_ALGORITHMS.isdisjoint(signed):
            raise AnswerError("no_algorithm")
        taken = _listed(body, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
        if {"client_secret_basic", "client_secret_post", "none"}.isdisjoint(taken):
            raise AnswerError("no_method")
        return cls(
            issuer=issuer,
            authorization=_address(body, "authorization_endpoint"),
            token=_address(body, "token_endpoint"),
            keys=_address(body, "jwks_uri"),
            userinfo=_address(body, "userinfo_endpoint") if "userinfo_endpoint" in body else "",
            secret_in_form="client_secret_basic" not in taken,
            names_itself=body.get("authorization_response_iss_parameter_supported") is True,
            names_pkce=bool(methods),
        )

    async def fetch_keys(self) -> tuple[PublicKey, ...]:
        """Those that may sign. Raises `AwayError`, `AnswerError`."""
        answer = await ask(self.keys)
        if answer.status != 200:
            raise AnswerError("status", status=str(answer.status))
        listed = answer.body.get("keys")
        found = listed[:MOST_KEYS] if isinstance(listed, list) else []
        keys = tuple(key for one in found if (key := _key(one)) is not None)
        if not keys:
            raise AnswerError("no_keys")
        return keys


def _listed(body: Mapping[str, Any], name: str, otherwise: Collection[str]) -> Collection[str]:
    value = body.get(name)
    return [str(one) for one in value] if isinstance(value, list) else otherwise


def _address(body: Mapping[str, Any], name: str) -> str:
    """An endpoint: secured, with a host, without a fragment (RFC 6749, 3.1)."""
    value = body.get(name)
    fault = AnswerError("no_address", field=name)
    if not isinstance(value, str) or len(value) > LONGEST_ADDRESS:
        raise fault
    try:
        parts = urlsplit(value)
        usable = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError as error:
        raise fault from error
    if not usable or "@" in parts.netloc or "#" in value or not value.isascii():
        raise fault
    if not value.isprintable() or " " in value:
        raise fault
    return value


def _key(data: object) -> PublicKey | None:
    """A key that may sign and is strong enough; None for any other."""
    if not isinstance(data, dict) or data.get("use", "sig") != "sig":
        return None
    public: dict[str, str | list[str]] = {
        name: value for name, value in data.items() if isinstance(value, str)
    }
    if public.get("kty") not in ALGORITHMS:
        return None
    if public["kty"] == "RSA" and len(public.get("n", "")) * 6 < SMALLEST_RSA:
        return None
    try:
        key = JWKRegistry.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None  # one of another kind beside those that the box knows
    return None if key.is_private or not isinstance(key, RSAKey | ECKey | OKPKey) else key
