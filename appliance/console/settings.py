"""Settings of the page and the API."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from appliance.service.errors import BargeboxError

Seconds = Annotated[int, Field(ge=1)]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=253)]
EarUrl = Annotated[
    str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$", max_length=200)
]


class ConsoleSettings(BaseModel):
    """Where the page is served and how long a sign-in lasts. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0 lets the system choose."""

    names: Annotated[tuple[HostName, ...], Field(max_length=32)] = ()
    """Under which further names the page is reached, without port. Others are refused."""

    https: Literal["auto", "on", "off"] = "auto"
    """``auto``: wherever others than this machine itself could reach the page."""

    tls_certificate: Path | None = None
    tls_key: Path | None = None
    """A certificate that somebody else looks after; it goes before the box's own and any that is
    uploaded."""

    session_idle: Seconds = 8 * 3600
    """A shift without a click; an open page keeps its sign-in alive."""

    session_max: Seconds = 7 * 24 * 3600
    max_sessions: Annotated[int, Field(ge=1, le=10_000)] = 200
    max_event_clients: Annotated[int, Field(ge=1, le=1000)] = 50
    max_body: Annotated[int, Field(ge=1024)] = 64 * 1024

    ear_url: EarUrl | None = None
    """Demo only: where a browser may listen to the headset's ear."""

    web_root: Path = Path(__file__).resolve().parents[2] / "web"
    """The folder with ``templates`` and ``static``."""

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("give both tls_certificate and tls_key, or neither")
        if self.https == "off" and self.tls_certificate is not None:
            raise ValueError('https is "off", so leave tls_certificate and tls_key out')
        return self

    @property
    def tls_pair(self) -> tuple[Path, Path] | None:
        """Certificate and key of the settings file."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return self.tls_certificate, self.tls_key

    @property
    def secure(self) -> bool:
        """Served over TLS, so that cookies may insist on it."""
        if self.https == "auto":
            return self.tls_certificate is not None or not _is_loopback(self.host)
        return self.https == "on"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ConsoleError(BargeboxError):
    """The page or API refuses a request; ``status`` is the HTTP status (RFC 9110).

    ``fields`` says of single values what is wrong with them.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: int = 0,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.retry_after = retry_after
        self.fields = fields
