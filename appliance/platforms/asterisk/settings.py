"""Settings of the Asterisk driver: where the server is, how to get in, and what its words mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from appliance.platforms.addresses import AmiAddress, HttpAddress, WsAddress

Seconds = Annotated[float, Field(gt=0, le=600)]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Endpoint = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,80}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z0-9_()-]{0,80}$")]


class AgentEndpoint(BaseModel):
    """Whose endpoint it is; what matches none of these is a customer or a trunk."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    endpoint: Name
    """An endpoint's name, ``agent-ada``, or a pattern of it, ``agent-*``."""
    name: Annotated[str, Field(max_length=80)] = ""
    """What the page shows; empty: the endpoint's name."""


class AsteriskSettings(BaseModel):
    """The section ``platform.asterisk``."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    mode: Literal["ari", "chanspy"] = "ari"
    """How calls are listed and listened to: over ARI; or over AMI, and ChanSpy in the dialplan."""
    url: HttpAddress = "http://127.0.0.1:8088"
    """Of ARI; ``https`` over a network. Not used where `mode` is ``chanspy``."""
    ami_url: AmiAddress = "tcp://127.0.0.1:5038"
    """Of AMI; ``tls`` over a network. Used where `mode` is ``chanspy``."""
    user: Name = "bargebox"
    """The user of ``ari.conf``, who may write, or of ``manager.conf``."""
    password: SecretStr = SecretStr("")
    """That user's."""
    ws_url: WsAddress = "ws://127.0.0.1:8088/ws"
    """Of SIP over WebSocket; ``wss`` over a network."""
    endpoint: Endpoint = "bargebox"
    """The box's own endpoint and address of record in ``pjsip.conf``; no other box may use it."""
    endpoint_user: Annotated[str, Field(max_length=80)] = ""
    """Empty: as the endpoint is named."""
    endpoint_password: SecretStr = SecretStr("")
    """Of the endpoint's ``auth`` in ``pjsip.conf``."""
    spy_context: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,79}$")] = "bargebox-legs"
    """The dialplan's context of all boxes' endpoints, and nobody else's, where `mode` is
    ``chanspy``.
    """
    ca_file: Path | None = None
    """Certificates that the server's may be signed by; none: those of the system."""
    agents: tuple[AgentEndpoint, ...] = ()
    """Whose endpoints are agents'; who matches none of them is a customer."""
    barge_by: Literal["whisper", "bridge"] = "whisper"
    """How all are made to hear the leg: whispered into the customer's channel, which needs nothing
    but is heard only while the other side sends packets; or out of the call's own bridge, always.
    """
    barge_extension: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}@[A-Za-z0-9_-]{1,40}$")] = (
        "barge@bargebox"
    )
    """The dialplan's way into a call's bridge, where `barge_by` is ``bridge``."""
    monitoring_variable: Variable = ""
    """Says of a call, or globally, whether it may be monitored; empty: every call may."""
    monitoring_absent: Annotated[str, Field(max_length=80)] = ""
    """The value of a call whose flow has no monitoring at all; empty: it is not set."""
    monitoring_off: Annotated[str, Field(max_length=80)] = "off"
    """The value of a call whose monitoring is switched off."""
    queue_variable: Variable = ""
    """The variable with the queue that the list shows; empty: none."""
    flow_variable: Variable = ""
    """The variable with the flow that the list shows; empty: none."""
    contact_point_variable: Variable = ""
    """The variable with the dialled address; empty: the extension that was dialled."""
    request_timeout: Seconds = 5.0
    """Seconds that one request may take, connecting included."""
    retry_first: Seconds = 0.1
    """Seconds before the second attempt to connect."""
    retry_longest: Seconds = 2.0
    """Seconds between attempts to connect at most; they double up to it."""

    @property
    def list_url(self) -> str:
        """Where the calls are listed."""
        return self.url if self.mode == "ari" else self.ami_url

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables that are named."""
        named = (
            self.monitoring_variable,
            self.queue_variable,
            self.flow_variable,
            self.contact_point_variable,
        )
        return tuple(name for name in named if name)
