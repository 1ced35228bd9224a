"""*Test connection*: each step with its own words, with a sign-in of its own and no session."""

from __future__ import annotations

import asyncio
from typing import Literal

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.account import BARGE, MONITOR, VIEW, Account, sign_in
from appliance.platforms.cxengage.answers import Config, QueueAccess, VoiceAccess, read
from appliance.platforms.cxengage.book import Book
from appliance.platforms.cxengage.extension import Way, way_of, why_none
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.pbx import check_pbx
from appliance.platforms.cxengage.rest import Rest, make_client
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.sqs import Sqs
from appliance.platforms.cxengage.trust import UntrustedError
from appliance.platforms.cxengage.voice_socket import addresses, open_socket, suffix_of
from appliance.platforms.protocol import Check, PlatformError

LIMIT_S = 25.0
Step = Literal["address", "tls", "sign_in", "permissions", "list", "media"]


class _FailedError(Exception):
    """A step failed; *args* are step and detail."""


async def check_connection(settings: CxEngageSettings, *, registered: bool) -> list[Check]:
    """The steps up to the first that fails, within 25 s.

    *registered*: the leg's line is so already, and need not be tried.
    """
    done: list[Check] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            await _run(settings, done, registered)
    except _FailedError as failure:
        step, detail = failure.args
        done.append(Check(step, passed=False, detail=detail))
    except TimeoutError:
        last = done[-1].step if done else "address"
        done.append(Check(last, passed=False, detail="CxEngage took too long; try again."))
    return done


async def _run(settings: CxEngageSettings, done: list[Check], registered: bool) -> None:
    try:
        client = await make_client(settings)
    except PlatformError as error:
        raise _FailedError("tls", error.detail) from error
    async with client:
        await _walk(settings, Rest(settings, client, Oddities()), done, registered)


async def _walk(
    settings: CxEngageSettings, rest: Rest, done: list[Check], registered: bool
) -> None:
    def passed(step: Step, detail: str) -> None:
        done.append(Check(step, passed=True, detail=detail))

    try:
        await rest.sign_in()
    except UntrustedError as error:
        passed("address", f"{settings.base_url} answers.")
        raise _FailedError("tls", error.detail) from error
    except PlatformError as error:
        if error.code == EndReason.PLATFORM_LOST:
            raise _FailedError("address", error.detail) from error
        passed("address", f"{settings.base_url} answers.")
        raise _FailedError("sign_in", error.detail) from error
    passed("address", f"{settings.base_url} answers.")
    if settings.base_url.startswith("https:"):
        passed("tls", "The platform's certificate is valid.")
    try:
        account = await sign_in(rest, settings.tenant)
    except PlatformError as error:
        raise _FailedError("sign_in", error.detail) from error
    passed("sign_in", "User and password are accepted.")
    passed("permissions", _permissions(account))
    try:
        rows = await Book(lambda event: None).read(rest, account)
        config = await _config(rest, account)
        await _queue(settings, rest, account, config)
    except PlatformError as error:
        raise _FailedError("list", error.detail) from error
    passed("list", f"{len(rows)} calls are listed, and the queue of events answers.")
    try:
        passed("media", await _media(settings, rest, config, registered))
    except PlatformError as error:
        raise _FailedError("media", error.detail) from error


def _permissions(account: Account) -> str:
    if not account.may_view() or MONITOR not in account.permissions:
        lacking = " and ".join(
            name
            for name, there in (
                (VIEW, account.may_view()),
                (MONITOR, MONITOR in account.permissions),
            )
            if not there
        )
        words = f"The account lacks {lacking}; a tenant administrator can give it."
        raise _FailedError("permissions", words)
    if BARGE not in account.permissions:
        return f"The account may listen; without {BARGE} it cannot barge in."
    return "The account may listen and barge in."


async def _config(rest: Rest, account: Account) -> Config:
    me = ("tenants", account.tenant_id, "users", account.user_id, "config")
    return read(Config, await rest.get(*me, query="?silent-monitor=true"), rest.oddities)


async def _queue(settings: CxEngageSettings, rest: Rest, account: Account, config: Config) -> None:
    queue = Sqs(rest.client, settings.sqs_endpoint, rest.oddities)
    queue.use(read(QueueAccess, config.integration("sqs") or {}, rest.oddities), account.region)
    await queue.reach()


async def _media(settings: CxEngageSettings, rest: Rest, config: Config, registered: bool) -> str:
    extension = config.extension()
    way = way_of(extension, settings)
    if way is Way.NONE:
        raise PlatformError(why_none(extension))
    if registered:
        return "The line that CxEngage calls the leg by is registered."
    if way is Way.PBX:
        await check_pbx(settings)
        return "The site's PBX lets the leg's endpoint in."
    read(VoiceAccess, config.integration("twilio") or {}, rest.oddities)
    await _gateway(settings, suffix_of((extension or {}).get("region")))
    return "The voice gateway answers."


async def _gateway(settings: CxEngageSettings, region: str) -> None:
    """Raises `PlatformError` of the first address if none answers."""
    first: PlatformError | None = None
    for url in addresses(settings, region):
        try:
            socket = await open_socket(url, settings.ca_file)
        except PlatformError as error:
            first = first or error
            continue
        await socket.close()
        return
    assert first is not None
    raise first
