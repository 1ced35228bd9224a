"""*Test connection*: each step with its own words, with a sign-in of its own and no session."""

from __future__ import annotations

from typing import Literal

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.account import BARGE, MONITOR, VIEW, Account, sign_in
from appliance.platforms.cxengage.answers import Config, VoiceAccess, read
from appliance.platforms.cxengage.book import Book
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.rest import Rest, make_client
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.voice import open_socket
from appliance.platforms.protocol import Check, PlatformError

Step = Literal["address", "tls", "sign_in", "permissions", "list", "media"]


class _FailedError(Exception):
    """A step failed; *args* are step and detail."""


async def check_connection(settings: CxEngageSettings) -> list[Check]:
    """The steps up to the first that fails; at most about eight requests' time limits."""
    client = await make_client(settings.base_url)
    rest = Rest(settings, client, Oddities())
    done: list[Check] = []
    try:
        await _walk(settings, rest, done)
    except _FailedError as failure:
        step, detail = failure.args
        done.append(Check(step, passed=False, detail=detail))
    finally:
        await client.aclose()
    return done


async def _walk(settings: CxEngageSettings, rest: Rest, done: list[Check]) -> None:
    def passed(step: Step, detail: str) -> None:
        done.append(Check(step, passed=True, detail=detail))

    try:
        await rest.sign_in()
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
        rows = await Book(rest, lambda event: None).read(account)
    except PlatformError as error:
        raise _FailedError("list", error.detail) from error
    passed("list", f"{len(rows)} calls are listed.")
    passed("media", await _media(settings, rest, account))


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


async def _media(settings: CxEngageSettings, rest: Rest, account: Account) -> str:
    try:
        said = await rest.get(
            "tenants",
            account.tenant_id,
            "users",
            account.user_id,
            "config",
            query="?silent-monitor=true",
        )
        config = read(Config, said, rest.oddities)
        voice = config.integration("twilio")
        if config.extension() is None or voice is None:
            words = "The account has no WebRTC extension; a tenant administrator can give it one."
            raise _FailedError("media", words)
        read(VoiceAccess, voice, rest.oddities)
    except PlatformError as error:
        raise _FailedError("media", error.detail) from error
    for template in settings.voice_urls:
        url = template.replace("{edge}", settings.voice_edge).replace("{region}", "")
        if (socket := await open_socket(url)) is not None:
            await socket.close()
            return "The voice gateway answers."
    words = "The voice gateway cannot be reached; check that the network permits WebSockets to it."
    raise _FailedError("media", words)
