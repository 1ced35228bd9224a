"""Control has the leg begin anew with other settings, and asks again where it has no time."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from appliance.control_link.client import LegError
from appliance.control_link.commands import Renew
from appliance.control_link.events import Snapshot
from appliance.control_link.states import LegChoice
from appliance.monitoring import leg_renewal
from appliance.monitoring.desk import Desk
from appliance.monitoring.leg_renewal import LegRenewal
from appliance.service.jobs import Jobs

THERE = LegChoice(board="virtual", headset="auto", push_to_talk=False)
WANTED = LegChoice(board="virtual", headset="auto", push_to_talk=True)


class Link:
    """To a leg that refuses some times."""

    def __init__(self, *codes: str) -> None:
        self.codes, self.asked = list(codes), 0

    async def request(self, make: Callable[[int], Renew], *, limit_s: float) -> None:
        assert isinstance(make(1), Renew)
        self.asked += 1
        if self.codes:
            raise LegError("not now", code=self.codes.pop(0))


@pytest.mark.parametrize(
    ("codes", "asked"), [((), 1), (("busy", "busy"), 3), (("unknown_command",), 1)]
)
async def test_it_is_asked_until_it_has_time(
    monkeypatch: pytest.MonkeyPatch, codes: tuple[str, ...], asked: int
) -> None:
    monkeypatch.setattr(leg_renewal, "AGAIN_S", 0.01)
    link, jobs = Link(*codes), Jobs()
    desk = cast(Desk, SimpleNamespace(link=link, jobs=jobs))
    renewal = LegRenewal(desk, WANTED)
    there: Any = SimpleNamespace(chosen=THERE, call=None)
    for _ in range(2):  # another connection does not ask beside it
        renewal.meet(cast(Snapshot, there))
    await jobs.finish(5.0)
    assert link.asked == asked
