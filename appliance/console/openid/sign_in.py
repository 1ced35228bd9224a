"""The sign-in at the site's identity provider: where to send a browser, and who came back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from urllib.parse import urlencode, urlsplit

from appliance.console.openid.check import Step, check
from appliance.console.openid.errors import AnswerError, AwayError, OpenIdError, TokenError
from appliance.console.openid.journey import Journey, Journeys
from appliance.console.openid.known import KnownProvider
from appliance.console.openid.person import claims_for, person_of
from appliance.monitoring.accounts import SignInError
from appliance.monitoring.audit import Audit
from appliance.monitoring.openid_accounts import OpenIdAccounts, Person
from appliance.monitoring.policy import Account
from appliance.provisioning.openid.file import OpenIdFile, OpenIdFileError
from appliance.provisioning.openid.keeper import OpenIdKeeper
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

LIMIT_S = 15.0
"""For all that the provider is asked while somebody waits."""
AT_ONCE = 4
MAX_CODE = 4096


class NotAdmittedError(BargeboxError):
    """The provider let in *name*, and the box does not."""

    def __init__(self, error: SignInError, name: str) -> None:
        super().__init__(error.detail, code=error.code)
        self.name = name


class OpenIdSignIn:
    """The sign-in as it is set in *file*; *begin* before it is used."""

    def __init__(self, file: OpenIdFile, people: OpenIdAccounts, audit: Audit) -> None:
        self.settings = OpenIdSettings()
        self.fault = ""
        """Why what was saved is not used, in words."""
        self._keeper, self._people = OpenIdKeeper(file, audit), people
        self._journeys = Journeys()
        self._known = KnownProvider("")
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._changing = asyncio.Lock()

    def secrets(self) -> list[str]:
        """What nobody may read."""
        secret = self.settings.client_secret.get_secret_value()
        return [secret] if secret else []

    async def begin(self) -> None:
        """Read the settings. What cannot be used is told, and the box's own accounts go on."""
        try:
            self._use(await self._keeper.read())
        except OpenIdFileError as error:
            self.fault = error.detail
            log.error("%s", error.detail, extra={"CODE": error.code})

    async def change(self, who: str, settings: OpenIdSettings) -> None:
        """Keep and use *settings*; on record first.

        Where they take something back, the sign-ins by those of before end; so they do where
        those of before could not be used. Raises `OpenIdFileError`, ``audit_unwritable``.
        """
        async with self._changing:
            # What a damaged file gave to whom nobody knows any more.
            await self._keeper.change(who, self.settings, settings, ends=bool(self.fault))
            self._use(settings)

    def _use(self, settings: OpenIdSettings) -> None:
        self.settings, self.fault = settings, ""
        self._known = KnownProvider(settings.issuer)

    async def check(
        self, settings: OpenIdSettings, roles: Collection[str], redirect: str
    ) -> list[Step]:
        """Test *settings*, step by step; *roles* are those that there are."""
        return await check(settings, roles, redirect)

    async def leave(self, redirect: str, to: str) -> tuple[str, str]:
        """Where to send a browser that shall come back to *redirect*, and its cookie.

        Raises `OpenIdError`.
        """
        settings = self.settings
        if not settings.offered:
            raise OpenIdError("openid_off")
        if self._at_once.locked():
            raise OpenIdError("openid_busy")
        try:
            async with self._at_once, asyncio.timeout(LIMIT_S):
                provider = await self._known.get()
        except (AwayError, AnswerError, TimeoutError) as error:
            raise _told(settings, error) from error
        journey = Journey.begin(settings.issuer, settings.client_id, redirect, to)
        query = urlencode(
            {
                "response_type": "code",
                "client_id": settings.client_id,
                "redirect_uri": redirect,
                "scope": settings.asked_scopes,
                "state": journey.state,
                "nonce": journey.nonce,
                "code_challenge": journey.challenge,
                "code_challenge_method": "S256",
            }
        )
        mark = "&" if urlsplit(provider.authorization).query else "?"
        return f"{provider.authorization}{mark}{query}", self._journeys.seal(journey)

    def recognise(self, cookie: str, state: str) -> Journey:
        """The sign-in that this browser began here; each once. Raises `OpenIdError`."""
        if not self.settings.offered:
            raise OpenIdError("openid_off")
        return self._journeys.take_back(cookie, state)

    async def arrive(self, journey: Journey, answer: Mapping[str, str]) -> Account:
        """Who came back with *answer*. Raises `OpenIdError`, `NotAdmittedError`, `StoreError`."""
        settings = self.settings
        if (journey.issuer, journey.client_id) != (settings.issuer, settings.client_id):
            raise OpenIdError("openid_changed")
        if self._at_once.locked():
            raise OpenIdError("openid_busy")
        try:
            async with self._at_once, asyncio.timeout(LIMIT_S):
                person = await self._person(settings, journey, answer)
        except (AwayError, AnswerError, TokenError, TimeoutError) as error:
            raise _told(settings, error) from error
        async with self._changing:
            # Changed while the provider was asked: what counts now may let this person in no more.
            if settings is not self.settings:
                raise OpenIdError("openid_changed")
            try:
                return await self._people.admit(person)
            except SignInError as error:
                raise NotAdmittedError(error, person.name) from error

    async def _person(
        self, settings: OpenIdSettings, journey: Journey, answer: Mapping[str, str]
    ) -> Person:
        known = self._known
        provider = await known.get()
        # Another provider's answer could bring a code of that one to this one (RFC 9207, 2.4).
        if answer.get("iss", journey.issuer) != journey.issuer:
            raise OpenIdError("openid_mixed_up")
        if provider.names_itself and "iss" not in answer:
            raise OpenIdError("openid_mixed_up")
        if "error" in answer:
            words = answer.get("error_description") or answer["error"]
            raise OpenIdError("provider_refused", provider=settings.label, cause=words)
        code = answer.get("code", "")
        if not 1 <= len(code) <= MAX_CODE:
            raise OpenIdError("openid_stale")
        claims = await claims_for(settings, provider, known.keys, journey, code)
        return person_of(settings, claims)


def _told(settings: OpenIdSettings, error: Exception) -> OpenIdError:
    match error:
        case AwayError():
            told = OpenIdError("provider_away", provider=settings.label, cause=error.words)
        case AnswerError():
            told = OpenIdError("provider_fault", provider=settings.label, cause=error.words)
        case TokenError():
            told = OpenIdError("openid_token", provider=settings.label, cause=error.words)
        case _:
            told = OpenIdError("provider_away", provider=settings.label, cause="no answer in time")
    log.warning("%s", told.detail, extra={"CODE": told.code})
    return told
