"""What the whole box keeps of a session: who was heard when, and how loud it was; no sound."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.demo_world import Person, demo_world, monitored
from tests.support.soundcard import sine

QUIET_DBFS = -60


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_the_curve_has_the_voices_and_the_supervisor_where_heard(tmp_path: Path) -> None:
    async with demo_world(tmp_path) as world, Person(world) as person:
        world.card.play(sine(997.0, -12.0))
        async with monitored(world, person) as call:
            await call.admin.tone(call.interaction, "customer", 440.0, -20.0)
            await asyncio.sleep(3.2)
            await person.put("/monitoring/microphone", {"muted": False, "audience": "agent"})
            await asyncio.sleep(2.2)
            await person.put("/monitoring/microphone", {"muted": True})
            await asyncio.sleep(2.2)
            await person.delete("/monitoring")
        found = await person.until(f"/history?interaction={call.interaction}", total=1)
        (listed,) = found["items"]
        session = await person.get(f"/history/{call.session_id}")
        page = await person.request("GET", f"{world.url}/history/{call.session_id}")
    curve = session.pop("curve")
    assert session == listed
    _check(session, curve)
    assert page.text.count('class="span agent"') == 1
    assert page.text.count('class="span muted"') == 2


def _check(session: dict[str, Any], curve: dict[str, Any]) -> None:
    assert curve["step_s"] == 1
    assert session["length_s"] - 2 <= len(curve["call"]) <= session["length_s"] + 1
    assert max(level for level in curve["call"] if level is not None) > -40
    assert max(mos for mos in curve["mos"] if mos is not None) > 3.5
    (barge,) = session["barges"]
    begun = when(session["started_at"])
    first, last = ((when(barge[at]) - begun).total_seconds() for at in ("started_at", "ended_at"))
    spoken = [n for n, level in enumerate(curve["microphone"]) if (level or -100) > QUIET_DBFS]
    assert spoken
    assert int(first) <= spoken[0]
    assert spoken[-1] <= int(last + 0.3)  # a level is told up to 100 ms later
