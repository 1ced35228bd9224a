"""A small identity provider that does as it should, or does what no real one can be asked for."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.support.certificate_site import SiteAuthority

CLIENT, SECRET = "bargebox", "a secret: with % and ü"
Change = Callable[[dict[str, Any]], None]


def _nothing(_: dict[str, Any]) -> None:
    """As it should be."""


@cache
def signing_key(number: int = 0) -> ECKey:
    """Made once, for it takes a moment."""
    return ECKey.generate_key("P-256", auto_kid=True)


@dataclass
class FaultyProvider:
    """Its faults are set by the test, at any time."""

    issuer: str = ""
    authority: str = ""
    groups: list[str] = field(default_factory=lambda: ["leads"])
    name: str = "ada"
    subject: str = "subject-of-ada"
    describe: Change = _nothing
    """Changes the description."""
    claim: Change = _nothing
    """Changes the claims of ID tokens."""
    give: Change = _nothing
    """Changes the answer with the tokens."""
    keys: list[ECKey] = field(default_factory=lambda: [signing_key()])
    sign: Callable[[dict[str, Any]], str] | None = None
    in_userinfo: bool = False
    """Name and groups are told there alone."""
    userinfo_of: str = ""
    """Whose userinfo it gives instead."""
    raw: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """Whole answers by path."""
    wait_s: float = 0.0
    """Before each answer; less if it *goes on*."""
    goes_on: threading.Event = field(default_factory=threading.Event)
    drip: bool = False
    """A byte now and then, for ever."""
    asked: list[str] = field(default_factory=list)
    answered: int = 0
    """How many answers went out to their ends."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: str = "the access token"

    def code_for(self, address: str) -> str:
        """What its page would send back for the *address* that the box sent a browser to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_hex(8)
        self.codes[code] = query
        return code

    def description(self) -> dict[str, Any]:
        """How it describes itself."""
        body: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }
        self.describe(body)
        return body

    def person(self) -> dict[str, Any]:
        """Name and groups."""
        return {"preferred_username": self.name, "groups": self.groups}

    def tokens(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The answer to a code."""
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        client, _, secret = pair.partition(":")
        if not authorization:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        else:
            client, secret = unquote_plus(client), unquote_plus(secret)
        if (client, secret) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or form.get("redirect_uri") != query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == query["code_challenge"]
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "nonce": query["nonce"],
            "iat": now,
            "exp": now + 60,
        }
        if not self.in_userinfo:
            claims |= self.person()
        self.claim(claims)
        body = {"access_token": self.access, "token_type": "Bearer", "id_token": self._sign(claims)}
        self.give(body)
        return 200, body

    def _sign(self, claims: dict[str, Any]) -> str:
        if self.sign is not None:
            return self.sign(claims)
        key = self.keys[0]
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


class _Handler(BaseHTTPRequestHandler):
    provider: FaultyProvider

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer({name: values[0] for name, values in parse_qs(text).items()})

    def _answer(self, form: dict[str, str]) -> None:
        provider, path = self.provider, urlsplit(self.path).path
        provider.asked.append(path)
        provider.goes_on.wait(provider.wait_s)
        if path in provider.raw:
            self._send(*provider.raw[path])
            return
        authorization = self.headers.get("Authorization", "")
        status, body = 200, {}
        match path:
            case "/.well-known/openid-configuration":
                body = provider.description()
            case "/keys":
                body = {"keys": [key.as_dict(private=False) for key in provider.keys]}
            case "/token":
                status, body = provider.tokens(form, authorization)
            case "/userinfo":
                assert authorization == f"Bearer {provider.access}"
                body = {"sub": provider.userinfo_of or provider.subject, **provider.person()}
            case _:
                status = 404
        self._send(status, {}, json.dumps(body).encode())

    def _send(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if not self.provider.drip:
                self.wfile.write(data)
            else:
                for number in range(len(data)):
                    self.wfile.write(data[number : number + 1])
                    time.sleep(0.05)
        except OSError:
            return  # the box has heard enough
        self.provider.answered += 1

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Quiet."""


@contextmanager
def faulty_provider(directory: Path) -> Iterator[FaultyProvider]:
    """One on loopback, until the block ends."""
    authority = SiteAuthority(directory)
    files = directory / "provider.pem", directory / "provider.key"
    for file, text in zip(files, authority.issue("127.0.0.1"), strict=True):
        file.write_text(text)
    provider = FaultyProvider(authority=authority.pem)
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.issuer = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.goes_on.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
