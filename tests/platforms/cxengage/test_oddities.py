"""What is unknown is named in the log, and no secret ever is."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from appliance.control_link.words import Audience
from appliance.platforms.cxengage.driver import CxEngageDriver
from tests.platforms.cxengage.helpers import INTERRUPTS, LIST, SUE, desk, fault, new_call
from tests.platforms.cxengage.process import PASSWORD, StandinProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLANTED = {
    name: f"planted-{name}-" + 4 * "c2VjcmV0"
    for name in ("type", "kind", "state", "direction", "field", "body", "voice", "error", "key")
}
SHORT = "hunter2!"
"""Too short to be told from a word by its length."""


def message(session: str, **fields: Any) -> dict[str, Any]:
    return {"type": "agent-notification", "sessionId": session, **fields}


async def in_the_list(standin: StandinProcess) -> None:
    row = {
        "interactionId": "i",
        "agents": [{"agentId": "a", "mood": SHORT}],
        "state": PLANTED["state"],
        "direction": PLANTED["direction"],
        "channelType": "voice",
        "weather": PLANTED["field"],
        PLANTED["key"]: 1,
    }
    rows = [row, row | {"interactionId": None}, 7]
    body = {"results": {"w1": {"body": {"results": {"interactions": rows}}}}}
    await standin.do("faults", faults=fault(LIST, 200, 1, body=body))
    await asyncio.sleep(0.6)


async def on_the_queue(standin: StandinProcess, call: str) -> None:
    session = (await standin.do("seen"))["sessions"][SUE]
    for one in (
        message(session, type="dance", interactionId=call),
        message(session, type=PLANTED["type"]),
        message(session, notificationType=PLANTED["kind"]),
        message(session, notificationType="silent-monitor-pause", weather=PLANTED["field"]),
        message(session, interactionId=[PLANTED["body"]]),
    ):
        await standin.do("push", user=SUE, message=one)
    await standin.do("push", user=SUE, message=PLANTED["body"])


async def at_the_gateway(standin: StandinProcess) -> None:
    for kind, payload in (
        ("waltz", {"token": PLANTED["voice"]}),
        (PLANTED["voice"], {}),
        ("invite", {"callsid": PLANTED["voice"]}),
        ("error", {"error": {"code": 53000, "message": PLANTED["error"]}}),
    ):
        await standin.do("voice_tell", user=SUE, kind=kind, payload=payload)
    await standin.do("voice_send", user=SUE, text=PLANTED["body"])


async def test_unknowns_are_named_and_secrets_are_not(
    standin: StandinProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    call = await new_call(standin)
    async with desk(standin, sqs_wait=1) as found:
        handle, _ = await found.join(call.id)
        await found.driver.set_audience(handle, Audience.EVERYONE)
        await in_the_list(standin)
        await on_the_queue(standin, call.id)
        await at_the_gateway(standin)
        for what in ("tokens", "sqs", "voice"):
            await standin.do("expire", what=what)
        refusal: dict[str, Any] = {"status": 418, "body": {"message": PLANTED["error"]}}
        await standin.do("faults", faults=fault(INTERRUPTS, **refusal))
        await found.leave(handle)
        handle, _ = await found.join(call.id)
        await found.leave(handle)
        async with asyncio.timeout(10):
            while (await standin.do("seen"))["queued"][SUE]:
                await asyncio.sleep(0.1)
        secrets = await standin.do("secrets")
    await CxEngageDriver(standin.driver_settings(password=PLANTED["key"])).check()
    log = "\n".join(caplog.messages) + caplog.text
    for line in (
        "unknown field in the list met: 'weather'",
        "unknown state in the list met: 'a text of ",
        "unknown direction in the list met: 'a text of ",
        "unknown message type met: 'dance'",
        "unknown message type met: 'a text of ",
        "unknown notification met: 'silent-monitor-pause'",
        "unknown field in a notification met: 'weather'",
        "unknown voice message type met: 'waltz'",
        "unknown voice error met: '53000'",
        "unknown status met: '418'",
    ):
        assert f"CxEngage: {line}" in log, line
    assert len(secrets) > 6
    for secret in (PASSWORD, SHORT, *PLANTED.values(), *secrets):
        assert secret not in log
        assert json.dumps(secret)[1:-1] not in log
    await call.customer.hang_up()
