"""Where the logs are sent, and what of them; kept in a file of control's own."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
)

from appliance.provisioning.network.addresses import address, domain
from appliance.provisioning.words import said
from appliance.service.errors import BargeboxError
from appliance.service.files import write_whole
from appliance.service.kept import KeptError, read_kept

MAX_BYTES: Final = 16 * 1024
PORTS: Final = {"udp": 514, "tcp": 601, "tls": 6514}
"""Those that IANA gave them (RFC 5426, 3.3; RFC 6587, 3.2; RFC 5425, 4.1)."""

Transport = Literal["off", "udp", "tcp", "tls"]
Facility = Literal[
    "daemon", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"
]


def _server(text: str) -> str:
    """A name or an address, or nothing. Raises ``ValueError`` in plain words."""
    if not text.strip():
        return ""
    try:
        found = str(ip_address(text.strip()))
    except ValueError:
        return domain(text)
    return str(address(found))


ServerName = Annotated[
    str, Field(max_length=253, examples=["logs.example.org"]), AfterValidator(_server)
]
Lines = Literal["bargebox", "all", "none"]


class LogForwarding(BaseModel):
    """Where, how and what."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    transport: Transport = "off"
    """With TLS the server has to show a certificate for its name, of an authority that the box
    believes."""

    server: Annotated[ServerName, Field(validate_default=True)] = ""

    port: Annotated[int | None, Field(ge=1, le=65535)] = None
    """Empty: 514 with UDP, 601 with TCP, 6514 with TLS."""

    facility: Facility = "local0"

    lines: Lines = "bargebox"
    """Telephone numbers in lines become #. What other programs write may hold more than Bargebox
    knows of."""

    audit: StrictBool = True
    """Of each row the number, hash, time, who, what, session and call, without its details; and
    the signed head, which proves later that nothing was removed."""

    @field_validator("server")
    @classmethod
    def _needed(cls, given: str, info: ValidationInfo) -> str:
        if not given and info.data.get("transport", "off") != "off":
            raise ValueError("This is needed.")
        return given

    @property
    def at(self) -> tuple[str, int]:
        """Host and port."""
        return self.server, self.port or PORTS.get(self.transport, 0)

    @property
    def words(self) -> str:
        """Where, for people."""
        host, port = self.at
        return f"{f'[{host}]' if ':' in host else host}, {self.transport.upper()} {port}"


OFF: Final = LogForwarding()


class LogForwardingFileError(BargeboxError):
    """The file cannot be read or used."""

    code = "log_forwarding_file"


class LogForwardingFile:
    """The file at *path*. Its methods wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> LogForwarding:
        """What was chosen; off where nothing was. Raises `LogForwardingFileError`."""
        try:
            return read_kept(self._path, LogForwarding, MAX_BYTES) or OFF
        except KeptError as error:
            words = said(
                "What was saved of the log server cannot be used, so nothing is sent there: "
                "{cause}. Save it again on the page “Log server”.",
                cause=f"{self._path} {error}",
            )
            raise LogForwardingFileError(words) from error

    def write(self, settings: LogForwarding) -> None:
        """Keep *settings*. Raises `BargeboxError`."""
        try:
            write_whole(self._path, settings.model_dump_json().encode())
        except OSError as error:
            raise BargeboxError(
                f"This cannot be saved to {self._path}: {error.strerror}.", code="state"
            ) from error
