"""*Test connection*: each step with a connection of its own, up to the first that fails."""

from __future__ import annotations

import asyncio
import secrets
import ssl

from appliance.platforms.asterisk.ari import Ari, SignInError, UntrustedError, tls_context
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import Check, PlatformError
from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.errors import SipError, SipUntrustedError

LIMIT_S = 25.0
_REGISTERED = Check("media", passed=True, detail="The leg's endpoint is registered.")


async def run_checks(settings: AsteriskSettings, registered: bool) -> list[Check]:
    """Never longer than `LIMIT_S` seconds; *registered*: the leg's endpoint is so already.

    A second registration would take the first one's place, so it is not made then.
    """
    checks: list[Check] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            await _run(settings, checks, registered)
    except TimeoutError:
        step = checks[-1].step if checks else "address"
        checks.append(Check(step, passed=False, detail="Asterisk took too long; try again."))
    return checks


async def _run(settings: AsteriskSettings, checks: list[Check], registered: bool) -> None:
    secured = settings.url.startswith("https")
    try:
        context = await tls_context(settings)
    except PlatformError as error:
        checks.append(Check("tls", passed=False, detail=error.detail))
        return
    ari = Ari(settings, f"bargebox-check-{secrets.token_hex(4)}", context)

    def passed_so_far() -> None:
        checks.append(Check("address", passed=True, detail=f"{settings.url} answers."))
        if secured:
            checks.append(Check("tls", passed=True, detail="Its certificate is trusted."))

    try:
        await ari.open()
        passed_so_far()
        checks.append(Check("sign_in", passed=True, detail="User and password are accepted."))
        channels = await ari.channels()
        checks.append(Check("list", passed=True, detail=_listed(settings, len(channels))))
    except SignInError as error:
        passed_so_far()
        checks.append(Check("sign_in", passed=False, detail=error.detail))
        return
    except UntrustedError as error:
        checks.append(Check("address", passed=True, detail=f"{settings.url} answers."))
        checks.append(Check("tls", passed=False, detail=error.detail))
        return
    except PlatformError as error:
        checks.append(Check("list" if checks else "address", passed=False, detail=error.detail))
        return
    finally:
        await ari.close()
    if registered:
        checks.append(_REGISTERED)
    else:
        await _leg(settings, context, checks)


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
        checks.append(_REGISTERED)


def account_of(settings: AsteriskSettings) -> Account:
    """Who signs in for the leg."""
    return Account(
        settings.ws_url,
        settings.endpoint,
        settings.endpoint_user or settings.endpoint,
        settings.endpoint_password,
    )
