"""Where the box sends its logs."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Self

from fastapi import APIRouter, Body, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from appliance.console.access import DeviceManager
from appliance.console.language import in_their_words, later, translated
from appliance.console.page import page
from appliance.console.platform_form import FormField, FormGroup
from appliance.console.settings import ConsoleError
from appliance.console.state import console
from appliance.console.system_forms import form_of
from appliance.console.views import Moment
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.logs.settings import LogForwarding

router = APIRouter(tags=["logs"])
pages = APIRouter(include_in_schema=False)

EXAMPLE: Final = {"transport": "tls", "server": "logs.example.org"}
Given = Annotated[LogForwarding, Body(examples=[EXAMPLE])]
ANY: Final = "transport udp tcp tls"
SHOWN: Final = dict.fromkeys(("server", "port", "facility", "lines", "audit"), ANY)
CHOICES: Final = {
    "off": later("Nothing is sent"),
    "udp": later("UDP, without encryption"),
    "tcp": later("TCP, without encryption"),
    "tls": later("TLS"),
    "bargebox": later("Bargebox’s own"),
    "all": later("The whole box’s"),
    "none": later("None"),
}
LABELS: Final = {
    "server": later("Server"),
    "port": later("Port"),
    "facility": later("Facility"),
    "transport": later("Send by"),
    "lines": later("Log lines"),
    "audit": later("Proof of the audit log"),
}


class LogsOut(BaseModel):
    """What was chosen, and how it goes since control began."""

    settings: LogForwarding
    connected: bool
    detail: str
    """Why it is not connected, though something is to be sent."""
    away_since: Moment | None
    sent: int
    waiting: int
    dropped: int
    """Lines that were lost because too many waited."""
    fault: str
    """Why what was saved is not used; else empty."""

    @classmethod
    def of(cls, logs: LogForwarder) -> Self:
        """As it is now."""
        now = logs.state
        return cls(
            settings=logs.settings,
            connected=now.connected,
            detail=now.detail,
            away_since=now.away_since,
            sent=now.sent,
            waiting=now.waiting,
            dropped=now.dropped,
            fault=now.fault,
        )


class TestOut(BaseModel):
    """A line was sent, and the server did not refuse it; UDP would not tell."""

    line: str
    """Look for it at the server."""
    encrypted: bool
    acknowledged: bool
    """The server took the connection, as it does with TCP and TLS."""


@router.get("/logs")
async def logs(request: Request, caller: DeviceManager) -> LogsOut:
    """Where the logs are sent, and how that goes."""
    return LogsOut.of(console(request).ports.logs)


@router.put("/logs")
async def change(request: Request, caller: DeviceManager, body: Given) -> LogsOut:
    """Send them there from now on; what is left out gets its default."""
    forwarder = console(request).ports.logs
    await forwarder.change(caller.account.name, body)
    return LogsOut.of(forwarder)


@router.post("/logs/test")
async def test(request: Request, caller: DeviceManager, body: Given) -> TestOut:
    """Send one line by these settings, whether they are in use or not. 409 where that fails."""
    if body.transport == "off":
        words = later("Choose how it is sent first.")
        raise ConsoleError(422, "invalid_input", words, fields={"transport": words})
    line = await console(request).ports.logs.test(body)
    stream = body.transport != "udp"
    return TestOut(line=line, encrypted=body.transport == "tls", acknowledged=stream)


@pages.get("/settings/logs")
async def logs_page(request: Request, caller: DeviceManager) -> HTMLResponse:
    """Where the logs are sent."""
    now = LogsOut.of(console(request).ports.logs)
    form = [_in_words(one) for one in form_of(LogForwarding, now.settings.model_dump())]
    context = {
        "logs": now,
        "why": in_their_words(now.detail),
        "fault": in_their_words(now.fault),
        "form": form,
        "shown": SHOWN,
    }
    return page(request, caller, "logs.html", context)


def _in_words(field: FormField | FormGroup) -> FormField | FormGroup:
    assert isinstance(field, FormField)
    choices = tuple((value, translated(CHOICES.get(value, value))) for value, _ in field.choices)
    label = translated(LABELS[field.name]) if field.name in LABELS else field.label
    return replace(field, label=label, choices=choices)
