"""The box's own leg at Janus, gate and all: what a press does once the voice was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from appliance.control_link.words import Audience, Party
from appliance.platforms.janus import names
from tests.platforms.desk import desk_at
from tests.platforms.janus.clients import administer, handles_of_ours
from tests.platforms.janus.site import JanusSite, janus_site
from tests.platforms.measured import SUPERVISOR_HZ, nothing_is_left, supervisor_heard_by
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS
from tests.support.leg_box import Box, leg_box
from tests.support.raw_control import Control

HANDLE = "bargebox-test-first-press"


class BoxPort:
    """Implements `appliance.platforms.protocol.LegPort` as control does."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def offer(self) -> str:
        raise AssertionError("Janus offers")

    async def accept(self, answer: str) -> None:
        raise AssertionError("Janus offers")

    async def answer(self, offer: str) -> str:
        return await self._described(
            "join", offer=offer, direction="recvonly", speaks_apart=True, ice_servers=[]
        )

    async def place(self, parties: Mapping[str, Party]) -> None:
        done = await self._control.ask("place", session_id="s", parties=dict(parties))
        assert done["ok"], done

    async def speak(self) -> str:
        return await self._described("speak", ice_servers=[])

    async def accept_speaking(self, answer: str) -> None:
        done = await self._control.ask("answer", session_id="s", sdp=answer, speaking=True)
        assert done["ok"], done

    async def _described(self, command: str, **fields: object) -> str:
        reply = await self._control.ask(command, session_id="s", **fields)
        assert reply["ok"], reply
        return str(reply["sdp"])


def may_send(box: Box) -> bool:
    """Whether the leg has a way to speak."""
    return box.leg.call is not None and box.leg.call.may_send


async def talk(box: Box) -> None:
    """The microphone hears the supervisor's tone, for as long as it is not cancelled."""
    at = 0
    while True:
        time = (np.arange(at, at + 480)) / 48_000
        box.leg._uplink.push((np.sin(2 * np.pi * SUPERVISOR_HZ * time) * 8000).astype(np.int16), 0)
        at += 480
        await asyncio.sleep(0.01)


async def lose_the_voice(site: JanusSite) -> None:
    """As an accident in Janus would."""
    for info in await handles_of_ours():
        if info.get("plugin_specific", {}).get("id") == names.voice(HANDLE):
            await administer(
                "detach_handle", session_id=info["session_id"], handle_id=info["handle_id"]
            )
            return
    raise AssertionError("the voice is not there")


async def test_the_first_press_after_a_lost_voice_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        janus_site(tmp_path) as site,
        desk_at(site) as desk,
        leg_box(tmp_path, monkeypatch) as box,
    ):
        call, control = await site.call(), await box.connect()
        await desk.lists(call.id)
        await desk.driver.monitor(HANDLE, call.id, "sue", BoxPort(control))
        await desk.until(lambda: may_send(box))
        await desk.driver.set_audience(HANDLE, None)  # waits for what else makes a voice ready
        await lose_the_voice(site)
        await desk.until(lambda: not may_send(box))
        talking = asyncio.create_task(talk(box))

        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        epoch = (await control.ask("prepare_gate", session_id="s"))["epoch"]
        await desk.driver.set_audience(HANDLE, Audience.EVERYONE)
        opened = await control.ask("open_gate", session_id="s", epoch=epoch)
        assert opened["ok"], opened
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS

        await control.ask("close_gate", session_id="s")
        await asyncio.sleep(0.5)
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        assert desk.end_of(HANDLE) is None
        talking.cancel()
        await desk.driver.leave(HANDLE)
        await control.ask("hang_up", session_id="s", reason="hung_up")
        await nothing_is_left(site)
        assert await call.active()
        await call.customer.hang_up()
