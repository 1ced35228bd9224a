"""Signing in at the server and at the proxies before it, each with a realm of its own."""

from __future__ import annotations

from pydantic import SecretStr

from appliance.platforms.sip.digest import Challenge, authorization, challenges_of
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Headers, Message

MAX_REALMS = 4
_ASKS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}
Realm = tuple[str, str]
"""The header that answers, and the realm's name."""


class Credentials:
    """One user's; a nonce is used again, counted, until the server has enough of it."""

    def __init__(self, user: str, password: SecretStr) -> None:
        self._user, self._password = user, password
        self._known: dict[Realm, Challenge] = {}

    def proofs(self, method: str, uri: str) -> Headers:
        """What a request carries; nothing before the first challenge."""
        password = self._password.get_secret_value()
        return [
            (
                header,
                authorization(
                    challenge, user=self._user, password=password, method=method, uri=uri
                ),
            )
            for (header, _), challenge in self._known.items()
        ]

    def learn(self, response: Message, answered: set[Realm]) -> bool:
        """Whether another attempt can help; *answered* are the realms this exchange has proved to.

        A nonce that was refused although it was new means a wrong user or password, unless the
        server calls it stale. Raises `SipError` when no challenge is one that we know.
        """
        if response.status not in _ASKS:
            return False
        asked, header = _ASKS[response.status]
        challenges = challenges_of(response.all(asked))
        if not challenges:
            raise SipError("The SIP server asks for a sign-in that this box does not know.")
        hopeful = False
        for challenge in challenges[:MAX_REALMS]:
            realm = (header, challenge.realm)
            hopeful = hopeful or challenge.stale or realm not in answered
            answered.add(realm)
            self._known.pop(realm, None)
            self._known[realm] = challenge
        while len(self._known) > MAX_REALMS:
            self._known.pop(next(iter(self._known)))
        return hopeful

    def forget(self) -> None:
        """Begin anew, as with another server's life."""
        self._known.clear()
