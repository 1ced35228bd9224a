"""No secret gets through, in whatever form it comes; and what is no secret does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from appliance.provisioning.support.redaction import Redactor, redacted, secrets_in
from appliance.provisioning.support.secret_files import secrets_beside
from appliance.settings import parse
from tests.support.planted import PLATFORM, forms, leaks

SECRETS = [PLATFORM, "short-1", "Ünïcode pass", "-token_of.43-characters~" * 2, 'with"quote\\s']


@pytest.mark.parametrize("secret", SECRETS)
def test_every_form_is_found(secret: str) -> None:
    redactor = Redactor(SECRETS)
    for form in (*forms(secret), json.dumps({"a": secret})):
        for text in (form, f"line {form} end", f'{{"x": "{form}"}}', f"?q={form}&b=1"):
            assert leaks(redactor.clean(text), [secret]) == [], (form, redactor.clean(text))


@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=8, max_size=40),
    before=st.binary(max_size=7),
    after=st.binary(max_size=7),
)
def test_any_secret_anywhere_in_base64(secret: str, before: bytes, after: bytes) -> None:
    import base64

    text = base64.b64encode(before + secret.encode() + after).decode()
    clean = Redactor([secret]).clean(text)
    assert leaks(clean, [secret]) == []


def test_unknown_secrets_are_found_by_their_shape() -> None:
    hashed = PasswordHasher(time_cost=1, memory_cost=64).hash("a password")
    key = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    lines = key.decode().splitlines()
    cookie = "bargebox_session=Gk3ZUxw0cC8T2oKz"
    text = f"row {hashed} end\n{key.decode()}\nget {cookie}; x\nAuthorization: Bearer abcdefghijkl"
    clean = Redactor([]).clean(text)
    for secret in (hashed, lines[1], "Gk3ZUxw0cC8T2oKz", "abcdefghijkl"):
        assert secret not in clean
    assert clean.startswith("row *** end\n***\n")
    assert lines[1] not in Redactor([]).clean("\n".join(lines[:-1]))  # cut off at its end


def test_people_are_left_out_where_they_may_be_named() -> None:
    text = (
        "call from sip:+4930123456@pbx.example.org, then 004930123456: and +4930987654. "
        "2026-11-29T09:10:11.123 pid 12345 192.0.2.10 port 5061 call-0000001 a1b2c3d4e5f60718\n"
    )
    clean = Redactor([]).clean(text, people=True)
    assert "4930" not in clean
    assert "sip:#@pbx.example.org" in clean
    assert clean.endswith(text[text.index("2026") :])
    assert Redactor([]).clean(text) == text


def test_settings_are_hidden_by_type_and_by_name() -> None:
    text = f"""
[platform.asterisk]
password = "{"p" * 9}1"
endpoint_password = ""
[platform.cxengage.sip]
password = "{"p" * 9}2"
[[monitoring.ice_servers]]
urls = ["turn:turn.example.org"]
username = "bargebox"
credential = "{"p" * 9}3"
"""
    settings = parse(text, "the test")
    shown = json.dumps(redacted(settings))
    assert "ppp" not in shown
    told = redacted(settings)
    assert told["platform"]["asterisk"]["password"] == "***"
    assert told["platform"]["asterisk"]["endpoint_password"] == ""
    assert told["platform"]["cxengage"]["sip"]["password"] == "***"
    assert told["monitoring"]["ice_servers"][0] == {
        "urls": ["turn:turn.example.org"],
        "username": "bargebox",
        "credential": "***",
    }
    assert told["console"]["tls_key"] is None
    assert set(secrets_in(settings)) == {f"{'p' * 9}{n}" for n in (1, 2, 3)}


def test_every_secret_of_the_settings_is_known_by_its_type_or_name() -> None:
    """A new setting that is a secret is found without a word here."""
    schema = json.dumps(parse("", "nothing").model_json_schema())
    assert schema.count('"format": "password"') >= 10


def test_secrets_in_files_are_known(tmp_path: Path) -> None:
    (tmp_path / "certificates").mkdir()
    (tmp_path / "first-password").write_text("ab12-cd34-ef56\n")
    (tmp_path / "certificates/tls.key").write_text(
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----\n"
    )
    (tmp_path / "audit-key").write_bytes(bytes(range(128, 160)))
    (tmp_path / "bargebox.sqlite3").write_text("no secret of this kind")
    found = set(secrets_beside(tmp_path, tmp_path / "nowhere"))
    assert "ab12-cd34-ef56" in found
    assert "MIGHAgEAMBMGByqGSM49AgEG" in found
    assert "no secret of this kind" not in found
    clean = Redactor(found).clean(f"key {bytes(range(128, 160)).hex()}")
    assert clean == "key ***"
