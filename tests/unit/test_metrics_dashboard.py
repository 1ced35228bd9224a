"""What IT scrapes: text that Prometheus reads; the dashboard names only what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.console_world import World

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "docs/grafana-dashboard.json"
TOM = {"Authorization": "Bearer token-tom"}
SAMPLE = re.compile(r'(bargebox_\w+)(?:{((?:\w+="[^"\\\n]*",?)+)})? (-?[\d.]+(?:e[+-]\d+)?)')


@pytest.fixture
async def scraped(world: World, app: FastAPI) -> str:
    """The figures while a call is monitored and heard."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://box") as client,
    ):
        await world.monitoring.monitor(world.accounts.accounts["sam"], "call-00001")
        world.monitoring.quality(4.2)
        return (await client.get("/metrics", headers=TOM)).text


async def test_the_text_is_well_formed(scraped: str) -> None:
    described: dict[str, str] = {}
    for line in scraped.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in described, name
            assert (kind == "counter") is name.endswith("_total"), name
            described[name] = kind
        elif not line.startswith("# HELP "):
            found = SAMPLE.fullmatch(line)
            assert found, line
            assert found[1] in described, line
    assert scraped.count("# HELP ") == len(described)
    assert scraped.endswith("\n")


async def test_large_numbers_are_whole(scraped: str) -> None:
    figures = {name: value for name, labels, value in SAMPLE.findall(scraped) if not labels}
    assert float(figures["bargebox_start_time_seconds"]) > 1_700_000_000
    assert float(figures["bargebox_memory_bytes"]) % 4096 == 0
    assert float(figures["bargebox_cpu_seconds_total"]) > 0
    assert float(figures["bargebox_open_files"]) > 3


def expressions(board: dict[str, Any]) -> list[str]:
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    variables = [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    return [*queries, *variables]


async def test_the_dashboard_names_only_what_is_scraped(scraped: str) -> None:
    board = json.loads(DASHBOARD.read_text())
    named = {
        name
        for expression in expressions(board)
        for name in re.findall(r"bargebox_\w+", expression)
    }
    sampled = {name for name, _, _ in SAMPLE.findall(scraped)}
    of_the_past = {"bargebox_session_ends_total"}  # has a sample once a session has ended
    assert named - of_the_past <= sampled
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


async def test_the_dashboard_uses_labels_that_are_there(scraped: str) -> None:
    labels = {
        name for _, pairs, _ in SAMPLE.findall(scraped) for name in re.findall(r"(\w+)=", pairs)
    }
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert used <= labels | {"instance", "reason"}, panel["title"]
