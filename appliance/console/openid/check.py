"""Tests the settings of the sign-in step by step, up to the first that fails."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from appliance.console.openid.errors import AnswerError, AwayError, harmless
from appliance.console.openid.person import CLIENT_ERRORS, redeem
from appliance.console.openid.provider import Provider
from appliance.console.openid_wording import FOUND
from appliance.provisioning.openid.settings import OpenIdSettings

LIMIT_S = 20.0
NO_CODE = "bargebox-test"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was found, else what is wrong."""

    step: str
    passed: bool
    detail: str


async def check(settings: OpenIdSettings, roles: Collection[str], redirect: str) -> list[Step]:
    """What is right and what is wrong; *roles* are those that there are."""
    test = _Test(settings, roles, redirect)
    try:
        async with asyncio.timeout(LIMIT_S):
            await test.run()
    except AnswerError as error:
        # Its description was read, and is not one that the box can use.
        own = test.now == "discovery" and error.code.startswith("no_")
        test.steps.append(Step("offers" if own else test.now, False, _sentence(error.words)))
    except AwayError as error:
        test.steps.append(Step(test.now, False, _sentence(error.words)))
    except TimeoutError:
        test.found("late", passed=False)
    return test.steps


class _Test:
    """The steps so far, and which one is being taken."""

    def __init__(self, settings: OpenIdSettings, roles: Collection[str], redirect: str) -> None:
        self._settings, self._redirect = settings, redirect
        self._there = {role.casefold() for role in roles}
        self.steps: list[Step] = []
        self.now = "settings"

    async def run(self) -> None:
        """All of them, up to the first that is wrong."""
        if not self._settings.issuer or not self._settings.client_id:
            self.found("no_client" if self._settings.issuer else "no_issuer", passed=False)
            return
        self.found("settings")
        self.now = "discovery"
        provider = await Provider.discover(self._settings.issuer)
        self.found("discovery", issuer=provider.issuer)
        self.now = "offers"
        self.found("offers" if provider.names_pkce else "offers_silently")
        self.now = "keys"
        self.found("keys", count=str(len(await provider.fetch_keys())))
        self.now = "client"
        if await self._client(provider):
            self.now = "roles"
            self._roles()

    async def _client(self, provider: Provider) -> bool:
        """Whether it may know the client, which it judges before a code that is none (RFC 6749,
        5.2).
        """
        verifier = secrets.token_urlsafe(48)
        answer = await redeem(self._settings, provider, NO_CODE, verifier, self._redirect)
        error = str(answer.body.get("error", f"status {answer.status}"))
        if error in CLIENT_ERRORS:
            self.found("client_wrong", passed=False, cause=error)
            return False
        if error == "invalid_grant":
            self.found("client")
        else:
            self.found("client_unsure", cause=error)
        return True

    def _roles(self) -> None:
        gone = [row.role for row in self._settings.roles if row.role.casefold() not in self._there]
        if not self._settings.roles:
            self.found("no_roles", passed=False)
        elif gone:
            self.found("role_gone", passed=False, role=gone[0])
        else:
            self.found("roles")

    def found(self, what: str, *, passed: bool = True, **values: str) -> None:
        """The step being taken found *what*."""
        told = {name: harmless(value) for name, value in values.items()}
        self.steps.append(Step(self.now, passed, FOUND[what].format(**told)))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
