"""Sign-in at an identity provider: tokens, states and codes that are not believed."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from appliance.console.openid import journey, known
from appliance.console.openid.journey import COOKIE as JOURNEY
from appliance.console.web_sessions import COOKIE
from tests.support.accounts_world import AccountsWorld
from tests.support.console_memory import PASSWORD
from tests.support.faulty_provider import CLIENT, SECRET, FaultyProvider, signing_key
from tests.support.openid_box import asked, browser, come_back, refused, sent, settings_for, try_in


@pytest.fixture
def box(openid_box: AccountsWorld) -> AccountsWorld:
    return openid_box


def ends(claims: dict[str, Any]) -> None:
    claims["exp"] = int(time.time()) - 121


CLAIMS = {
    "expired": (ends, "has expired"),
    "of the future": (lambda c: c.update(iat=time.time() + 130), "is of the future"),
    "not before": (lambda c: c.update(nbf=time.time() + 130), "is of the future"),
    "no end": (lambda c: c.pop("exp"), "cannot be read"),
    "not a number": (lambda c: c.update(exp=float("nan")), "cannot be read"),
    "a huge number": (lambda c: c.update(exp=True), "cannot be read"),
    "other audience": (lambda c: c.update(aud="another"), "meant for another application"),
    "no audience": (lambda c: c.pop("aud"), "meant for another application"),
    "two audiences": (lambda c: c.update(aud=[CLIENT, "x"]), "meant for another application"),
    "other party": (lambda c: c.update(azp="x"), "meant for another application"),
    "other issuer": (lambda c: c.update(iss="https://evil.example"), "names another issuer"),
    "other nonce": (lambda c: c.update(nonce="x"), "belongs to another sign-in"),
    "no nonce": (lambda c: c.pop("nonce"), "belongs to another sign-in"),
    "no subject": (lambda c: c.pop("sub"), "does not say who you are"),
    "subject no text": (lambda c: c.update(sub=7), "does not say who you are"),
    "other access token": (lambda c: c.update(at_hash="x"), "another access token"),
}


@pytest.mark.parametrize("fault", CLAIMS)
async def test_claims_that_are_not_believed(
    box: AccountsWorld, provider: FaultyProvider, fault: str
) -> None:
    provider.claim, words = CLAIMS[fault]
    async with browser(box) as client:
        await refused(box, await try_in(client, provider), client, words)


def packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_mac(header: dict[str, str], claims: dict[str, Any], secret: bytes) -> str:
    """Signed by hand, as no library would."""
    text = ".".join(packed(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{packed(hmac.digest(secret, text.encode(), 'sha256'))}"


def by_nobody(claims: dict[str, Any]) -> str:
    return with_mac({"alg": "none"}, claims, b"x").rpartition(".")[0] + "."


def by_the_secret(claims: dict[str, Any]) -> str:
    return with_mac({"alg": "HS256"}, claims, SECRET.encode())


def by_the_public_key(claims: dict[str, Any]) -> str:
    """The oldest trick: the public key, which all know, as a shared secret."""
    key = signing_key()
    return with_mac({"alg": "HS256", "kid": str(key.kid)}, claims, key.as_pem(private=False))


def by_another(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256", "kid": signing_key().kid}, claims, signing_key(7))


def torn(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256"}, claims, signing_key())[:-3] + "AAA"


@pytest.mark.parametrize(
    ("sign", "words"),
    [
        (by_nobody, "by a method that the box"),
        (by_the_secret, "by a method that the box"),
        (by_the_public_key, "by a method that the box"),
        (by_another, "not signed with one of its keys"),
        (torn, "not signed with one of its keys"),
        (lambda claims: "x", "cannot be read"),
        (lambda claims: "a.b.c.d.e", "cannot be read"),
        (lambda claims: "x" * 70_000, "cannot be read"),
    ],
)
async def test_signatures_that_are_not_believed(
    box: AccountsWorld, provider: FaultyProvider, sign: Any, words: str
) -> None:
    provider.sign = sign
    async with browser(box) as client:
        await refused(box, await try_in(client, provider), client, words)


@pytest.mark.parametrize("shift", [-110, 110])
async def test_clocks_may_be_two_minutes_apart(
    box: AccountsWorld, provider: FaultyProvider, shift: int
) -> None:
    now = time.time()
    provider.claim = lambda claims: claims.update(iat=now + shift, exp=now + shift)
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 200


async def test_new_keys_are_fetched_and_old_ones_believed_no_more(
    box: AccountsWorld, provider: FaultyProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "KEYS_AGAIN_S", 0.0)
    async with browser(box) as client:
        await try_in(client, provider)
    provider.keys = [signing_key(7)]
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 200
    provider.sign = lambda claims: jwt.encode({"alg": "ES256"}, claims, signing_key())
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 403


async def test_name_and_groups_may_be_told_by_userinfo_of_the_same_person_only(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    provider.in_userinfo = True
    async with browser(box) as client:
        provider.userinfo_of = "another"
        await refused(box, await try_in(client, provider), client, "two different people")
        provider.userinfo_of = ""
        assert (await try_in(client, provider)).status_code == 200


async def test_groups_may_lie_deeper(box: AccountsWorld, provider: FaultyProvider) -> None:
    openid = box.app.state.console.ports.openid
    await openid.change("admin", settings_for(provider, groups_claim="realm_access.roles"))
    provider.claim = lambda claims: claims.update(realm_access={"roles": ["leads", 7, None]})
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 200


# -- state and code


async def test_an_answer_counts_once_in_the_browser_that_asked(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client, browser(box) as thief:
        address = await sent(client)
        code = provider.code_for(address)
        await refused(box, await come_back(thief, address, code=code), thief, "used up")
        cookie = client.cookies[JOURNEY]
        assert (await come_back(client, address, code=code)).status_code == 200
        thief.cookies.set(JOURNEY, cookie, path="/sign-in/openid")
        answer = await come_back(thief, address, code=provider.code_for(address))
        assert "used up" in answer.text
        assert COOKIE not in thief.cookies


@pytest.mark.parametrize("state", ["", "another", "ü" * 5, "x" * 5000])
async def test_another_state_is_refused(
    box: AccountsWorld, provider: FaultyProvider, state: str
) -> None:
    async with browser(box) as client:
        address = await sent(client)
        answer = await come_back(client, address, state=state, code=provider.code_for(address))
        await refused(box, answer, client, "Begin again")


async def test_a_sign_in_that_took_too_long_begins_again(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    openid = box.app.state.console.ports.openid
    async with browser(box) as client:
        address = await sent(client)
        openid._journeys._clock = lambda: time.time() + journey.LASTS_S + 1
        answer = await come_back(client, address, code=provider.code_for(address))
        await refused(box, answer, client, "too long ago")


async def test_a_parameter_may_come_once_only(box: AccountsWorld, provider: FaultyProvider) -> None:
    async with browser(box) as client:
        address = await sent(client)
        state, code = asked(address)["state"], provider.code_for(address)
        path = f"/sign-in/openid/back?state={state}&code=x&code={code}"
        await refused(box, await client.get(path), client, "Begin again")


async def test_another_provider_s_answer_is_refused(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        address = await sent(client)
        code = provider.code_for(address)
        answer = await come_back(client, address, code=code, iss="https://evil.example")
        await refused(box, answer, client, "another identity provider")
        assert "/token" not in provider.asked


async def test_a_provider_that_names_itself_must_do_so_each_time(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    def names_itself(body: dict[str, Any]) -> None:
        body["authorization_response_iss_parameter_supported"] = True

    provider.describe = names_itself
    async with browser(box) as client:
        await refused(box, await try_in(client, provider), client, "another identity provider")
        address = await sent(client)
        code = provider.code_for(address)
        answer = await come_back(client, address, code=code, iss=provider.issuer)
        assert answer.status_code == 200


async def test_settings_that_changed_on_the_way_end_it(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    openid = box.app.state.console.ports.openid
    async with browser(box) as client:
        address = await sent(client)
        await openid.change("admin", settings_for(provider, client_id="another"))
        answer = await come_back(client, address, code=provider.code_for(address))
        await refused(box, answer, client, "changed meanwhile")
        await openid.change("admin", settings_for(provider, enabled=False))
        answer = await client.get("/sign-in/openid")
        assert answer.status_code == 404
        assert "Sign in with" not in (await client.get("/sign-in")).text


async def test_the_provider_s_refusal_is_told_as_text(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        address = await sent(client)
        words = "<script>alert(1)</script> " + "x" * 900
        answer = await come_back(client, address, error="access_denied", error_description=words)
        await refused(box, answer, client, "did not let you in")
        assert "<script>alert" not in answer.text
        assert "x" * 300 not in answer.text


async def test_a_wrong_code_and_a_wrong_secret_are_told(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await come_back(client, await sent(client), code="wrong")
        await refused(box, answer, client, "invalid_grant")
        openid = box.app.state.console.ports.openid
        await openid.change("admin", settings_for(provider, client_secret="wrong"))
        await refused(box, await try_in(client, provider), client, "does not know this box")


async def test_guessing_codes_is_braked_and_touches_no_password(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        for _ in range(6):
            answer = await come_back(client, await sent(client), code="wrong")
        assert answer.status_code == 429
        assert "Too many failed sign-ins" in answer.text
        before = provider.asked.count("/token")
        await come_back(client, await sent(client), code="wrong")
        assert provider.asked.count("/token") == before
        body = {"user": "sam", "password": PASSWORD}
        assert (await client.post("/api/v1/session", json=body)).status_code == 201


HALVES = {
    "name": lambda c: c.update(preferred_username="a\ud800"),
    "subject": lambda c: c.update(sub="a\ud800"),
    "nonce": lambda c: c.update(nonce="a\ud800"),
    "access token": lambda c: c.update(at_hash="a\ud800"),
}


def escaped(claims: dict[str, Any]) -> str:
    """Signed as pure ASCII, in which half a character can be written."""
    head = {"alg": "ES256", "kid": signing_key().kid}
    return jws.serialize_compact(head, json.dumps(claims), signing_key())


@pytest.mark.parametrize("where", HALVES)
async def test_half_a_character_is_refused_like_anything_else(
    box: AccountsWorld, provider: FaultyProvider, where: str
) -> None:
    """JSON may hold one, and nothing can write it down."""
    provider.claim, provider.sign = HALVES[where], escaped
    async with browser(box) as client:
        await refused(box, await try_in(client, provider), client, "does not believe")


@pytest.mark.parametrize("access", ["tökén", "a\ud800", "a\nb"])
async def test_an_access_token_that_cannot_be_sent_is_refused(
    box: AccountsWorld, provider: FaultyProvider, access: str
) -> None:
    provider.in_userinfo, provider.access = True, access
    async with browser(box) as client:
        answer = await try_in(client, provider)
        await refused(box, answer, client, "no access token that can be sent")


async def test_a_key_of_another_curve_before_the_right_one_is_passed_over(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    """Without a key id each may be the one (RFC 7515, 4.1.4)."""
    provider.keys = [ECKey.generate_key("P-384"), signing_key()]
    provider.sign = lambda claims: jwt.encode({"alg": "ES256"}, claims, signing_key())
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 200
