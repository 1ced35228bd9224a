"""What the box gives a browser that it sends to the provider, to know it again by.

It is all in one encrypted cookie of the browser's, so that nobody who begins many sign-ins pushes
out those of others. The cookie binds the answer to this browser; state, nonce and verifier bind
it to this sign-in (RFC 6749, 10.12; Core 1.0, 3.1.2.1; RFC 7636).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, ConfigDict, ValidationError

from appliance.console.openid.errors import OpenIdError

COOKIE: Final = "bargebox_openid"
PATH: Final = "/sign-in/openid"
BACK: Final = f"{PATH}/back"
"""Where the provider sends the browser to; registered there with each name of the box."""
LASTS_S: Final = 600
MAX_USED: Final = 4096
_LOCAL: Final = re.compile(r"(/[\w-]+)+")


class Journey(BaseModel):
    """One sign-in on its way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: str
    nonce: str
    verifier: str
    issuer: str
    client_id: str
    redirect: str
    to: str

    @classmethod
    def begin(cls, issuer: str, client_id: str, redirect: str, to: str) -> Journey:
        """A new one; *to* is the box's page to come to, anything else leads to the first."""
        return cls(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            issuer=issuer,
            client_id=client_id,
            redirect=redirect,
            to=local_page(to),
        )

    @property
    def challenge(self) -> str:
        """The verifier's SHA-256 (RFC 7636, 4.2)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Journeys:
    """Seals them, and takes each back once."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # New with each process: a sign-in that a restart interrupts is begun again.
        self._seal = Fernet(Fernet.generate_key())
        self._used: OrderedDict[str, float] = OrderedDict()

    def seal(self, journey: Journey) -> str:
        """The cookie's value."""
        text = journey.model_dump_json().encode()
        return self._seal.encrypt_at_time(text, int(self._clock())).decode()

    def take_back(self, cookie: str, state: str) -> Journey:
        """The sign-in of this browser and *state*. Raises `OpenIdError` ``openid_stale``."""
        now = self._clock()
        try:
            text = self._seal.decrypt_at_time(cookie.encode(), LASTS_S, int(now))
            journey = Journey.model_validate_json(text)
        except (InvalidToken, ValidationError, ValueError) as error:
            raise OpenIdError("openid_stale") from error
        same = hmac.compare_digest(journey.state.encode(), state.encode("utf-8", "replace"))
        if not same or journey.state in self._used:
            raise OpenIdError("openid_stale")
        self._used[journey.state] = now
        while self._used and (
            len(self._used) > MAX_USED or next(iter(self._used.values())) < now - 2 * LASTS_S
        ):
            self._used.popitem(last=False)
        return journey


def local_page(path: str) -> str:
    """*path* if it is a page of the box's own, else the first page: nobody is sent elsewhere."""
    return path if len(path) <= 200 and _LOCAL.fullmatch(path) else "/"
