"""What is read from the REST interface's answers; unknown fields are kept to be named in the log.

All text is bounded, and an answer that does not fit is a `PlatformError`, never a crash.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.protocol import PlatformError

Id = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=2000)]


def _for_a_header(secret: SecretStr) -> SecretStr:
    """Secrets travel in headers, which take visible ASCII."""
    if not re.fullmatch(r"[!-~]{1,16384}", secret.get_secret_value()):
        raise ValueError("must be visible ASCII, at most 16384 characters")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_for_a_header)]
Ttl = Annotated[float, Field(gt=0, le=10_000_000)]


class Answer(BaseModel):
    """Common form."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,  # it may be a secret
    )


class Token(Answer):
    """``POST tokens``."""

    token: Secret


class Membership(Answer):
    """One tenant of the account."""

    tenant_id: Id
    tenant_name: Text | None = None
    tenant_permissions: Annotated[list[Text], Field(max_length=2000)] = []


class Login(Answer):
    """``POST login``."""

    user_id: Id
    tenants: Annotated[list[Membership], Field(max_length=1000)] = []
    platform_permissions: Annotated[list[Text], Field(max_length=2000)] = []


class Tenant(Answer):
    """``GET tenants/{tid}``."""

    id: Any = None
    region_id: Id | None = None


class Region(Answer):
    """``GET regions/{regionId}``."""

    id: Any = None
    name: Text = ""


class Presence(Answer):
    """``GET tenants/{tid}/presence/{uid}``."""

    state: Text = "offline"
    session_id: Text | None = None


class SessionStarted(Answer):
    """``POST …/session``."""

    session_id: Id


class Beat(Answer):
    """``POST …/heartbeat``."""

    heartbeat_delay: Annotated[float, Field(gt=0, le=600)] = 16.6


class QueueCredentials(Answer):
    """Signed access to the queue, for *ttl* seconds."""

    access_key: Annotated[str, Field(pattern=r"^\w{1,128}$")]
    secret_key: Secret
    session_token: Secret
    ttl: Ttl


class QueuePlace(Answer):
    """Where the queue is."""

    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?/\S*$", max_length=1000)]


class QueueAccess(Answer):
    """The integration of type ``sqs``."""

    type: Any = None
    queue: QueuePlace
    credentials: QueueCredentials


class VoiceCredentials(Answer):
    """The voice gateway's token, for *ttl* seconds."""

    token: Secret
    ttl: Ttl


class VoiceAccess(Answer):
    """The integration of type ``twilio``."""

    type: Any = None
    js_api_url: Any = None
    regions: Any = None
    credentials: VoiceCredentials


class Config(Answer):
    """``GET …/config``; each integration is read by itself."""

    extensions: Annotated[list[dict[str, Any]], Field(max_length=100)] = []
    active_extension: dict[str, Any] | None = None
    integrations: Annotated[list[dict[str, Any]], Field(max_length=100)] = []
    reason_lists: Any = None

    def extension(self) -> dict[str, Any] | None:
        """The active one; where none is active, a WebRTC one before any other."""
        if self.active_extension:
            return self.active_extension
        webrtc = (one for one in self.extensions if one.get("type") in ("webrtc", "twilio"))
        return next(webrtc, None) or next(iter(self.extensions), None)

    def integration(self, kind: str) -> dict[str, Any] | None:
        """The first integration of that type."""
        return next((one for one in self.integrations if one.get("type") == kind), None)


AnswerT = TypeVar("AnswerT", bound=Answer)


def read(model: type[AnswerT], data: Any, oddities: Oddities) -> AnswerT:
    """*data* as *model*. Raises `PlatformError` that names the field, never its value."""
    if isinstance(data, dict) and isinstance(data.get("result"), dict):
        data = data["result"]
    try:
        answer = model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise PlatformError(
            f"CxEngage answered {model.__name__} in an unknown form ({where}); "
            "tell whoever maintains the box."
        ) from error
    if model is not Config and answer.model_extra:
        oddities.fields(model.__name__, answer.model_extra)
    return answer
