"""CxEngage: answers of the REST interface, messages of the queue, words of the voice gateway."""

from __future__ import annotations

import contextlib
import json
from typing import cast

import httpx

from appliance.platforms.cxengage import answers as models
from appliance.platforms.cxengage import messages as queued
from appliance.platforms.cxengage import sdp, voice_wire
from appliance.platforms.cxengage.jsontext import load
from appliance.platforms.cxengage.line import Invite
from appliance.platforms.cxengage.listing import Rights, rows_of
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.sqs import Sqs, _load
from appliance.platforms.protocol import PlatformError

MODELS = (
    models.Token,
    models.Login,
    models.Tenant,
    models.Region,
    models.Presence,
    models.SessionStarted,
    models.Beat,
    models.QueueAccess,
    models.VoiceAccess,
    models.Config,
)
OURS = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
STATUSES = (200, 400, 500)


def answers(data: bytes) -> None:
    """One answer, as each of those that are known."""
    try:
        said = load(data)
    except ValueError:
        return
    json.dumps(said, ensure_ascii=False).encode()  # no halves of characters
    for model in MODELS:
        with contextlib.suppress(PlatformError):
            answer = models.read(model, said, Oddities())
            if isinstance(answer, models.Config):
                answer.extension(), answer.integration("sqs")
    with contextlib.suppress(PlatformError):
        known = {
            row.interaction.id: row for row in rows_of(said, Rights("u", True), {}, Oddities())
        }
        rows_of(said, Rights("u", False), known, Oddities())


def queue(data: bytes) -> None:
    """A body of SQS, with each status and for each request; and the same as a message's body."""
    access = Sqs(cast(httpx.AsyncClient, None), "", Oddities())
    for operation in ("ReceiveMessage", "DeleteMessage"):
        for status in STATUSES:
            with contextlib.suppress(PlatformError):
                asked = _load().operation_model(operation)
                access._understood(asked, httpx.Response(status), data)
    message = queued.parse(data.decode(errors="replace"), Oddities())
    if message is not None:
        assert message.whose(OURS) in queued.Whose
        assert message.wants_acknowledgement in (True, False)


def gateway(data: bytes) -> None:
    """A text of the voice gateway, and what leg and gateway make of a description in it."""
    for text in (data, data.decode(errors="replace")):
        found = voice_wire.parse(text, Oddities())
        if isinstance(found, Invite):
            again = sdp.for_leg(found.sdp)
            assert sdp.for_leg(again) == again
            sdp.for_gateway(again, found.sdp)
