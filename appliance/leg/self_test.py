"""The leg's part of the self-test: headset present, microphone stream gives sound, lamps answer."""

from __future__ import annotations

import asyncio
from typing import Protocol

from appliance.audio.levels import SILENCE_DBFS, dbfs
from appliance.control_link.states import CheckResult
from appliance.leg.codecs.opus import Samples
from appliance.leg.ports import HeadsetPort, PanelPort

LISTEN_S = 0.5


class MicrophoneLamp(Protocol):
    """Lights the microphone's lamp for the test, through whoever keeps both lamps true."""

    def __call__(self, *, microphone_runs: bool) -> None:
        """On or off before this returns."""


class _Ear:
    """Counts what the microphone gives; keeps only its level."""

    def __init__(self) -> None:
        self.blocks = 0
        self.level = SILENCE_DBFS

    def push(self, block: Samples, _at: float) -> None:
        self.blocks += 1
        self.level = max(self.level, dbfs(block))


async def self_test(
    headset: HeadsetPort, panel: PanelPort, light: MicrophoneLamp
) -> list[CheckResult]:
    """Check headset and panel, in idle only: the microphone's lamp is lit while it is open."""
    state = headset.state
    results = [
        CheckResult(
            name="headset present",
            passed=state.present,
            detail=state.name if state.present else state.detail or "no headset is plugged in",
        )
    ]
    if state.present:
        results.append(
            CheckResult(
                name="headset plays",
                passed=state.playing,
                detail="playback runs" if state.playing else "playback does not run",
            )
        )
        results.append(await _microphone(headset, light))
    return [*results, *await asyncio.to_thread(panel.checks)]


async def _microphone(headset: HeadsetPort, light: MicrophoneLamp) -> CheckResult:
    ear = _Ear()
    light(microphone_runs=True)
    headset.start_capture(ear)
    try:
        await asyncio.sleep(LISTEN_S)
    finally:
        headset.stop_capture()
        light(microphone_runs=False)
    heard = f"{ear.blocks} blocks, loudest {ear.level:.0f} dBFS"
    return CheckResult(
        name="microphone gives sound",
        passed=ear.blocks > 0,
        detail=heard if ear.blocks else "the microphone stream gave nothing",
    )
