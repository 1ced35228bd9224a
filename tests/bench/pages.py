"""How fast every page is: at the server, and in a real Chromium on a slow processor.

A whole box is asked, with 10,000 interactions of which some change each second, 100,000 sessions of
the past and an audit log. Its network, names and clock are real services apart from the machine's.
Beside its pages it serves one that is bare, which is the floor.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx

from appliance.console.menu import MENU
from appliance.console.settings import ConsoleSettings
from appliance.demo.world import Options, World
from tests.bench.figures import Figure
from tests.bench.visiting import SLOWED, Visitor
from tests.support.browser import chromium
from tests.support.demo_world import Person
from tests.support.filled_world import FilledWorld, Years
from tests.support.private_box import private_box

LISTED = 10_000
CHANGES_A_SECOND = 5.0
SESSIONS = 100_000
AUDIT_ROWS = 100_000
YEARS = Years(SESSIONS, with_curves=100, audit_rows=AUDIT_ROWS)
SERVER_GOAL_MS = 300
INTERACTIVE_GOAL_MS = 1000
MOST_ASKED = 40
MOST_LOADED = 10
"""In Chromium, which takes longer, so a quarter as often; with an empty and with a warm cache."""
BARE = "/static/bare.html"
FURTHER = (
    f"/history/past-{SESSIONS - 1:06}",
    "/interactions?page=200",
    "/interactions?search=garcia",
    "/interactions?show=all&queue=Sales&sort=-customer",
    "/history?page=2000",
    "/history?search=ÜBERSEE ольга&sort=agent",
    "/history?supervisor=sue&barged=yes&sort=-mos",
    f"/audit?before={AUDIT_ROWS // 2}",
    "/audit?search=session ended&limit=200",
    "/audit?search=nobody-at-all",
)
"""What people reach from the menu's pages."""


ADDRESSES = (BARE, *(item.path for item in MENU), *FURTHER)
"""All of the menu, whatever it has."""


async def measure_pages(folder: Path, repetitions: int) -> list[Figure]:
    """*server*: to the last byte of the page. *cold* and *warm*: in Chromium, from the navigation
    until a person's press works and the frame that says so is drawn; its cache empty, and with what
    it keeps.
    """
    web = folder / "web"
    await asyncio.to_thread(_copy_web, web)
    with private_box("systemd", "timesyncd", "avahi") as services:
        options = Options(
            centre={"lively": 4, "listed": LISTED, "changes_per_second": CHANGES_A_SECOND},
            settings={
                "box": {"system_bus": services.address},
                "console": {"web_root": str(web)},
            },
            ear=False,
            log_level="error",
        )
        async with FilledWorld(folder, options, YEARS) as world, Person(world) as person:
            active = (await person.get("/interactions?per_page=1"))["total"]
            past_ones = (await person.get("/history?per_page=1"))["total"]
            print(f"  {active} interactions, {past_ones} sessions in history")
            async with person.events():  # so that somebody is told of each change
                return await asyncio.to_thread(_measure, world, repetitions)


def _copy_web(web: Path) -> None:
    """The pages' files, and the bare one, which says at once what the others say when they work."""
    shutil.copytree(ConsoleSettings().web_root, web)
    (web / BARE.removeprefix("/")).write_text(
        '<!doctype html><title>Bare</title><p id="chip-box" data-tone="good">Nothing else.</p>'
    )


def _measure(world: World, repetitions: int) -> list[Figure]:
    loads = max(1, min(repetitions // 4, MOST_LOADED))
    with chromium() as browser:
        visitor = Visitor(browser, world.url, world.people[0])
        with httpx.Client(base_url=world.url, cookies=visitor.cookies, timeout=30) as client:
            server = _rounds(partial(_ask, client), min(repetitions, MOST_ASKED))
        cold = _rounds(visitor.cold, loads)
        with visitor.page() as page:
            _rounds(page.load, 1)  # which fills the cache
            warm = _rounds(page.load, loads)
            slowness = page.slowness()
    assert slowness > SLOWED / 2, f"Chromium was only {slowness:.1f} times slower"
    print(f"  Chromium's processor was {slowness:.1f} times slower")
    print(f"  load of the machine: {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    return [
        Figure(f"{kind} {address}", times[address], "ms", goal, "p95")
        for address in ADDRESSES
        for kind, times, goal in (
            ("server", server, SERVER_GOAL_MS),
            ("cold", cold, INTERACTIVE_GOAL_MS),
            ("warm", warm, INTERACTIVE_GOAL_MS),
        )
    ]


def _rounds(measure: Callable[[str], float], count: int) -> dict[str, list[float]]:
    """Each page so often, in ms; one after the other, so that a bad moment hits no page alone."""
    times: dict[str, list[float]] = {address: [] for address in ADDRESSES}
    for _ in range(count):
        for address in ADDRESSES:
            times[address].append(measure(address))
    return times


def _ask(client: httpx.Client, address: str) -> float:
    started = time.perf_counter()
    answer = client.get(address)
    took = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return took
