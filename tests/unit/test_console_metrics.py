"""The metrics as Prometheus reads them."""

from __future__ import annotations

import re

import httpx
from fastapi import FastAPI

from appliance.control_link.words import EndReason
from tests.support.console_world import World


async def test_metrics_are_prometheus_text(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:
        answer = await client.get("/metrics", headers={"Authorization": "Bearer token-tom"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(
        re.fullmatch(r'bargebox_\w+({(\w+="[\w.]+",?)+})? -?[\d.e+]+', line) for line in samples
    )
    assert "bargebox_interactions_active 12" in samples
    assert "bargebox_headset_present 1" in samples
    assert "bargebox_playback_underruns_total 3" in samples


async def test_metrics_tell_how_the_call_sounds_while_it_is_known(
    world: World, app: FastAPI
) -> None:
    transport = httpx.ASGITransport(app)

    async def scraped() -> dict[str, float]:
        answer = await scraper.get("/metrics", headers={"Authorization": "Bearer token-tom"})
        found = re.findall(r"(?m)^bargebox_leg_(\w+) (\S+)$", answer.text)
        described = re.findall(r"(?m)^# TYPE bargebox_leg_(\w+) gauge$", answer.text)
        assert {name for name, _ in found} - {"connected"} <= set(described)
        assert len(described) == len(set(described)) == 9
        return {name: float(value) for name, value in found}

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://box") as scraper,
    ):
        idle = {"connected": 1.0}
        assert await scraped() == idle
        await world.monitoring.monitor(world.accounts.accounts["sam"], "call-00001")
        assert await scraped() == idle
        world.monitoring.quality(4.21, lost_percent=1.5)
        assert await scraped() == idle | {
            "mos": 4.21,
            "packets_lost_ratio": 0.015,
            "concealed_ratio": 0.015,
            "stretched_ratio": 0.005,
            "jitter_seconds": 0.0025,
            "jitter_buffer_seconds": 0.045,
            "round_trip_seconds": 0.03,
            "mouth_to_ear_seconds": 0.1265,
        }
        world.monitoring.quality(None)
        assert set(await scraped()) == {
            "connected",
            "jitter_seconds",
            "jitter_buffer_seconds",
            "round_trip_seconds",
        }
        world.monitoring.quality(4.0)
        world.monitoring.end(EndReason.HUNG_UP)
        assert await scraped() == idle
