"""Whom the provider vouches for: from a code to claims, and from claims to a person of the box."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from appliance.console.openid.errors import AnswerError, OpenIdError, TokenError
from appliance.console.openid.fetch import Answer, ask
from appliance.console.openid.id_token import Expected, UnknownKeyError, claims_of, is_text
from appliance.console.openid.journey import Journey
from appliance.console.openid.provider import Provider, PublicKey
from appliance.monitoring.openid_accounts import Person
from appliance.provisioning.openid.settings import OpenIdSettings

MOST_GROUPS: Final = 2000
CLIENT_ERRORS: Final = frozenset({"invalid_client", "unauthorized_client"})

Keys = Callable[[bool], Awaitable[tuple[PublicKey, ...]]]
"""The provider's keys; asked anew with True, where it may have others by now."""


async def redeem(
    settings: OpenIdSettings, provider: Provider, code: str, verifier: str, redirect: str
) -> Answer:
    """Ask for the tokens of *code* (RFC 6749, 4.1.3). Raises `AwayError`, `AnswerError`."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    secret = settings.client_secret.get_secret_value()
    if secret and not provider.secret_in_form:
        # Both are encoded before they are put together (RFC 6749, 2.3.1).
        pair = quote_plus(settings.client_id), quote_plus(secret)
        return await ask(provider.token, form, basic=pair)
    form["client_id"] = settings.client_id
    if secret:
        form["client_secret"] = secret
    return await ask(provider.token, form)


async def claims_for(
    settings: OpenIdSettings, provider: Provider, keys: Keys, journey: Journey, code: str
) -> Mapping[str, Any]:
    """What the provider says of whoever brought *code*.

    Raises `AwayError`, `AnswerError`, `TokenError`, `OpenIdError`.
    """
    answer = await redeem(settings, provider, code, journey.verifier, journey.redirect)
    if answer.status != 200:
        error = str(answer.body.get("error", f"status {answer.status}"))
        known = "client_refused" if error in CLIENT_ERRORS else "provider_refused"
        raise OpenIdError(known, provider=settings.label, cause=error)
    token, access = answer.body.get("id_token"), answer.body.get("access_token", "")
    if not isinstance(token, str) or not isinstance(access, str):
        raise AnswerError("no_token")
    if not (access.isascii() and access.isprintable()):  # RFC 6749, A.12; it becomes a header
        raise AnswerError("no_access")
    expected = Expected(provider.issuer, settings.client_id, journey.nonce, access)
    try:
        claims = claims_of(token, await keys(False), expected)
    except UnknownKeyError:
        claims = claims_of(token, await keys(True), expected)
    names = (settings.name_claim, settings.groups_claim)
    lacking = any(value_of(claims, name) is None for name in names)
    if lacking and provider.userinfo and access:
        return await _with_userinfo(claims, provider, access)
    return claims


async def _with_userinfo(
    claims: Mapping[str, Any], provider: Provider, access: str
) -> Mapping[str, Any]:
    """Also what the provider says beside the token; that counts first (Core 1.0, 5.3.2)."""
    answer = await ask(provider.userinfo, bearer=access)
    if answer.status != 200:
        raise AnswerError("status", status=str(answer.status))
    if answer.body.get("sub") != claims["sub"]:
        raise TokenError("person")
    return {**answer.body, **claims}


def person_of(settings: OpenIdSettings, claims: Mapping[str, Any]) -> Person:
    """From claims that are believed, with the roles of the groups. Raises `TokenError`."""
    name = value_of(claims, settings.name_claim)
    if not isinstance(name, str) or not name.strip() or not is_text(name):
        raise TokenError("name", claim=settings.name_claim)
    value = value_of(claims, settings.groups_claim)
    listed = value[:MOST_GROUPS] if isinstance(value, list) else [value]
    groups = frozenset(one for one in listed if isinstance(one, str))
    roles = dict.fromkeys(row.role for row in settings.roles if row.group in groups)
    return Person(str(claims["iss"]), str(claims["sub"]), name.strip(), tuple(roles))


def value_of(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that very name, else the one that its dots lead to; None where there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
