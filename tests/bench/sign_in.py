"""How long a wrong password takes at a name that there is, and at one that there is not.

Whoever could tell the two apart by their time would learn the names. Each guess finds the brake
released, for a braked one is answered before anything is hashed.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from appliance.console.sign_in_brake import SignInBrake
from tests.bench.figures import Figure
from tests.support.accounts_world import AccountsWorld, accounts_world

KNOWN, UNKNOWN = "sam", "nobody"
GOAL_MS = 1000
"""A hash is meant to cost something."""
APART_MS = 5


async def measure_sign_in(folder: Path, repetitions: int) -> list[Figure]:
    """Milliseconds of the answer; and how far the two medians are apart."""
    took: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    async with accounts_world(folder) as box:
        for name in took:
            await _guess(box, name)  # the first at no name makes the hash that stands for nobody
        for _ in range(repetitions):
            for name, times in took.items():
                times.append(await _guess(box, name))
    apart = abs(median(took[KNOWN]) - median(took[UNKNOWN]))
    return [
        Figure("sign-in-wrong-password", took[KNOWN], "ms", GOAL_MS, "p95"),
        Figure("sign-in-unknown-name", took[UNKNOWN], "ms", GOAL_MS, "p95"),
        Figure("sign-in-medians-apart", [apart], "ms", APART_MS, "p50"),
    ]


async def _guess(box: AccountsWorld, name: str) -> float:
    box.app.state.console.brake = SignInBrake()
    async with box.client() as stranger:
        started = time.perf_counter()
        body = {"user": name, "password": "a wrong guess"}
        answer = await stranger.post("/api/v1/session", json=body)
        took = (time.perf_counter() - started) * 1000
    assert answer.status_code == 401, answer.text
    return took
