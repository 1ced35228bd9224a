"""The parts of the document about what is away: the identity provider, and the log server."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from appliance.monitoring.policy import ROLES
from appliance.platforms.withheld import SecretNeededError, completed
from appliance.provisioning.logs.keeping import keep
from appliance.provisioning.logs.settings import LogForwarding, LogForwardingFileError
from appliance.provisioning.openid.file import OpenIdFileError
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.provisioning.site_file.document import SiteFile
from appliance.provisioning.site_file.parts_use import TYPE_AGAIN
from appliance.provisioning.site_file.plan import Outcome
from appliance.provisioning.site_file.services import Faults, Services
from appliance.provisioning.words import said
from appliance.service.faults import by_field

UNREADABLE = said("What the box has of this cannot be read. Save it on the page “Sign-in” first.")
LOGS_UNREADABLE = said(
    "What the box has of this cannot be read. Save it on the page “Log server” first."
)


class OpenIdPart:
    """The sign-in by OpenID Connect; it comes after the roles that it gives."""

    def concerns(self, document: SiteFile) -> bool:
        """It is given."""
        return document.openid is not None

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether nothing lacks, and the roles are there or in the document."""
        try:
            wanted = _openid(document, await box.openid.read())
        except OpenIdFileError:
            return {"openid": UNREADABLE}
        except SecretNeededError as error:
            return {f"openid.{name}": TYPE_AGAIN for name in error.fields}
        own, _ = await box.people.all()
        wrong = wanted.wrong([*ROLES, *own, *(role.name for role in document.roles)])
        return {f"openid.{name}": words for name, words in wrong.items()}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Save it, as the page does; what it takes back ends sign-ins."""
        now = await box.openid.read()
        wanted = _openid(document, now)
        ended = wanted != now and await box.openid.change(who, now, wanted)
        good = await box.openid.read() == wanted
        return Outcome(part="openid", good=good, words=_openid_words(wanted, ended=ended))


def _openid(document: SiteFile, now: OpenIdSettings) -> OpenIdSettings:
    """What is left out stays; the secret for its issuer only. Raises `SecretNeededError`."""
    given = document.openid
    assert given is not None
    values = {
        name: getattr(given if name in given.model_fields_set else now, name)
        for name in OpenIdSettings.model_fields
        if name != "client_secret" or name in given.model_fields_set
    }
    return completed(OpenIdSettings.model_validate(values), now)


def _openid_words(settings: OpenIdSettings, *, ended: bool) -> str:
    words = "Nobody signs in at an identity provider."
    if settings.offered:
        words = f"People sign in at {settings.issuer} as well"
        words += "." if settings.client_secret.get_secret_value() else ", without a client secret."
    return f"{words} Who came in by the former settings signs in anew." if ended else words


class LogServer:
    """Where the logs are sent."""

    def concerns(self, document: SiteFile) -> bool:
        """It is given."""
        return document.logs is not None

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether it goes with what the box has of it."""
        try:
            await asyncio.to_thread(_logs, box, document)
        except LogForwardingFileError:
            return {"logs": LOGS_UNREADABLE}
        except ValidationError as error:
            faults = by_field(error.errors(include_url=False, include_input=False))
            return {f"logs.{name}": words for name, words in faults.items()}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Save it, as the page does."""
        wanted = await asyncio.to_thread(_logs, box, document)
        if wanted != await asyncio.to_thread(box.logs.read):
            await keep(box.logs, box.audit, who, wanted)
        good = await asyncio.to_thread(box.logs.read) == wanted
        off = wanted.transport == "off"
        words = "No logs are sent." if off else f"The logs are sent to {wanted.words}."
        return Outcome(part="logs", good=good, words=words)


def _logs(box: Services, document: SiteFile) -> LogForwarding:
    """Raises `LogForwardingFileError`, ``ValidationError``."""
    assert document.logs is not None
    return document.logs.over(box.logs.read())
