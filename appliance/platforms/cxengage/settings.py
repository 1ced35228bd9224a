"""Settings of the CxEngage driver: the account of the box, and where the platform is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from appliance.platforms.addresses import (
    SafeHttpAddress,
    SafeHttpAddressOrNone,
    SafeWsTemplate,
    WsAddressOrNone,
)

Seconds = Annotated[float, Field(gt=0, le=600)]


class SipSettings(BaseModel):
    """The site's own PBX, where the account's extension is a SIP address."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    ws_url: WsAddressOrNone = ""
    """SIP over WebSocket; empty: there is no PBX."""
    endpoint: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,80}$")] = "bargebox"
    """The box's own endpoint there; the PBX routes the extension's address to it."""
    user: Annotated[str, Field(max_length=80)] = ""
    """Empty: as the endpoint is named."""
    password: SecretStr = SecretStr("")
    """That user's."""
    caller: Annotated[str, Field(min_length=1, max_length=80)] = "*"
    """Who calls when the platform does, as the PBX shows it; a pattern."""
    ca_file: Path | None = None
    """Certificates that the PBX's may be signed by; none: those of the system."""


class CxEngageSettings(BaseModel):
    """The section ``platforms.cxengage``. Secrets never travel unencrypted, but to loopback."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    base_url: SafeHttpAddress = "https://api.cxengage.net/v1/"
    """Of the REST interface."""
    user: Annotated[str, Field(max_length=200)] = ""
    """A local account of the box alone, without single sign-on."""
    password: SecretStr = SecretStr("")
    """That account's."""
    tenant: Annotated[str, Field(max_length=64)] = ""
    """The tenant's id; may be left out where the account has only one."""
    token_ttl: Annotated[int, Field(ge=60, le=604_800)] = 36_000
    """Seconds that a sign-in lasts; it is renewed at three quarters."""
    sqs_endpoint: SafeHttpAddressOrNone = ""
    """An address instead of the queue's own host."""
    sqs_wait: Annotated[int, Field(ge=1, le=20)] = 20
    """Seconds that one request for messages waits at the queue."""
    voice_urls: Annotated[tuple[SafeWsTemplate, ...], Field(min_length=1, max_length=4)] = (
        "wss://voice-js.{edge}.twilio.com/signal",
        "wss://chunderw-vpc-gll{region}.twilio.com/signal",
    )
    """Tried in turn; ``{region}`` is the extension's region with a dash before it, or nothing."""
    voice_edge: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] = "roaming"
    """What takes the place of ``{edge}``."""
    poll_interval: Seconds = 10.0
    """Seconds between two readings of the list."""
    request_timeout: Seconds = 4.0
    """Seconds one request may take, repetitions included."""
    invite_timeout: Seconds = 6.0
    """Seconds from the platform's consent to its call for our leg."""
    leave_wait: Seconds = 2.0
    """Seconds that leaving waits for the platform to say that the leg has ended."""
    retry_first: Seconds = 0.5
    """Seconds before the second attempt to connect."""
    retry_longest: Seconds = 10.0
    """Seconds between attempts to connect at most; they double up to it."""
    ca_file: Path | None = None
    """Certificates to trust at platform, queue and voice gateway; none: those of the system."""
    sip: SipSettings = SipSettings()
    """The site's own PBX, where the account's extension is a SIP address."""
