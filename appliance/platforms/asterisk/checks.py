"""*Test connection*: each step with a connection of its own, up to the first that fails."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from typing import Protocol

from appliance.platforms.asterisk.ami_checks import AmiSource
from appliance.platforms.asterisk.ari import Ari
from appliance.platforms.asterisk.errors import SignInError, UntrustedError
from appliance.platforms.asterisk.registration import account_of
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.trust import tls_context
from appliance.platforms.protocol import Check, PlatformError
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.errors import SipError, SipUntrustedError

LIMIT_S = 25.0
_LET_IN = Check("media", passed=True, detail="The leg's endpoint is let in.")


class Source(Protocol):
    """Where the calls are listed, over a connection of the check's own."""

    async def open(self) -> None:
        """Connect and sign in. Raises `PlatformError`, by its kind."""

    async def count(self) -> int:
        """How many channels there are. Raises `PlatformError`."""

    async def more(self) -> list[Check]:
        """What else is needed there; the last one may have failed. Raises `PlatformError`."""

    async def close(self) -> None:
        """Disconnect."""


async def run_checks(settings: AsteriskSettings, fault: str) -> list[Check]:
    """Never longer than `LIMIT_S` seconds. A session that goes on notices nothing of it.

    *fault* is what keeps the leg's endpoint from being registered just now, if it is known.
    """
    checks: list[Check] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            await _run(settings, checks, fault)
    except TimeoutError:
        step = checks[-1].step if checks else "address"
        checks.append(Check(step, passed=False, detail="Asterisk took too long; try again."))
    return checks


async def _run(settings: AsteriskSettings, checks: list[Check], fault: str) -> None:
    try:
        context = await tls_context(settings)
    except PlatformError as error:
        checks.append(Check("tls", passed=False, detail=error.detail))
        return
    ari = settings.mode == "ari"
    source = _AriSource(settings, context) if ari else AmiSource(settings, context)
    try:
        await _calls(settings, source, checks)
    finally:
        await source.close()
    if checks[-1].passed:
        await _leg(settings, context, checks)
    if checks[-1].passed and fault:  # being let in is not all that it takes
        checks[-1] = Check("media", passed=False, detail=fault)


async def _calls(settings: AsteriskSettings, source: Source, checks: list[Check]) -> None:
    url = settings.list_url
    answers = Check("address", passed=True, detail=f"{url} answers.")
    trusted = [Check("tls", passed=True, detail="Its certificate is trusted.")]
    trusted = trusted if url.startswith(("https:", "tls:")) else []
    try:
        await source.open()
    except SignInError as error:
        checks += [answers, *trusted, Check("sign_in", passed=False, detail=error.detail)]
        return
    except UntrustedError as error:
        checks += [answers, Check("tls", passed=False, detail=error.detail)]
        return
    except PlatformError as error:
        checks.append(Check("address", passed=False, detail=error.detail))
        return
    checks += [answers, *trusted]
    checks.append(Check("sign_in", passed=True, detail="User and password are accepted."))
    try:
        checks.append(Check("list", passed=True, detail=_listed(settings, await source.count())))
        checks += await source.more()
    except SignInError as error:
        checks.append(Check("permissions", passed=False, detail=error.detail))
    except PlatformError as error:
        checks.append(Check("list", passed=False, detail=error.detail))


class _AriSource:
    """ARI, as an application of another name."""

    def __init__(self, settings: AsteriskSettings, context: ssl.SSLContext | None) -> None:
        self._ari = Ari(settings, f"bargebox-check-{secrets.token_hex(4)}", context)

    async def open(self) -> None:
        """Its events, to which one signs in."""
        await self._ari.open()

    async def count(self) -> int:
        """All channels."""
        return len(await self._ari.channels())

    async def more(self) -> list[Check]:
        """Subscribing has shown already that the user may write."""
        return []

    async def close(self) -> None:
        """The application goes with it."""
        await self._ari.close()


def _listed(settings: AsteriskSettings, channels: int) -> str:
    agents = "" if settings.agents else " No agents' endpoints are set: nobody is shown as agent."
    return f"The calls are listed: {channels} channels.{agents}"


async def _leg(
    settings: AsteriskSettings, context: ssl.SSLContext | None, checks: list[Check]
) -> None:
    agent = UserAgent(account_of(settings), lambda _call: None, settings.request_timeout)
    try:
        await agent.check(context)
    except SipUntrustedError as error:
        checks.append(Check("tls", passed=False, detail=error.detail))
    except SipError as error:
        checks.append(Check("media", passed=False, detail=error.detail))
    else:
        checks.append(_LET_IN)
