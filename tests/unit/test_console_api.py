"""The JSON API of interactions and monitoring as the design's table says it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from appliance.console.local_access import BoxAccounts
from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.platform_choice import PlatformChooser
from appliance.console.ports import Ports
from appliance.console.settings_desk import SettingsDesk
from appliance.control_link.quality import SessionQuality
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.roles import Roles
from appliance.monitoring.supervisor import MonitoringService
from appliance.panel.virtual_client import AsyncVirtualPanel
from appliance.platforms.protocol import Driver, PlatformConnection
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.first_start.guide import Guide
from appliance.provisioning.health.monitor import HealthMonitor
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.reset.order import FactoryReset
from appliance.provisioning.support.bundle import SupportBundle
from appliance.provisioning.system import System
from tests.support.console_world import World, make_world

SAM = {"Authorization": "Bearer token-sam"}
FIELDS = [
    *("id", "channel", "direction", "agents", "customer", "contact_point", "queue", "flow"),
    *("state", "started_at", "monitorable", "not_monitorable_reason", "monitors"),
]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def real_ports_fit(
    accounts: BoxAccounts,
    manager: AccountManager,
    roles: Roles,
    service: MonitoringService,
    driver: Driver,
    choice: PlatformChooser,
    system: System,
    panel: AsyncVirtualPanel,
    certificates: CertificateKeeper,
    authorities: Authorities,
    openid: OpenIdSignIn,
    health: HealthMonitor,
    site: SettingsDesk,
    support: SupportBundle,
    first_start: Guide,
    reset: FactoryReset,
    logs: LogForwarder,
) -> Ports:
    """The domain's own classes need no adapter: the type checker reads this."""
    return Ports(
        accounts=accounts,
        manager=manager,
        roles=roles,
        book=service.book,
        monitoring=service,
        watches=service.watches,
        history=service.history,
        audit=service.audit,
        platform=driver,
        choice=choice,
        system=system,
        panel=panel,
        certificates=certificates,
        authorities=authorities,
        openid=openid,
        health=health,
        site=site,
        support=support,
        checks=service.checks,
        first_start=first_start,
        reset=reset,
        logs=logs,
    )


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Sam at the API."""
    client.base_url = httpx.URL("http://box/api/v1")
    client.headers.update(SAM)
    return client


async def items(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("/interactions", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_the_list_has_the_designs_shape(client: httpx.AsyncClient) -> None:
    body = (await client.get("/interactions?per_page=5")).json()
    assert list(body) == ["items", "total", "as_of", "platform"]
    assert body["total"] == 12
    assert body["platform"] == {"name": "sandbox", "connected": True, "detail": ""}
    assert MOMENT.fullmatch(body["as_of"])
    assert len(body["items"]) == 5
    first = body["items"][0]
    assert list(first) == FIELDS
    assert MOMENT.fullmatch(first["started_at"])
    assert first["agents"] == [{"id": "agent-0", "name": "Ana López"}]
    refused = body["items"][4]
    assert refused["monitorable"] is False
    assert refused["not_monitorable_reason"] == "no_monitoring_object"


async def test_one_interaction(client: httpx.AsyncClient) -> None:
    assert (await client.get("/interactions/call-00003")).json()["direction"] == "outbound"


async def test_filters_search_sort_and_pages(client: httpx.AsyncClient) -> None:
    assert {i["queue"] for i in await items(client, queue="Sales")} == {"Sales"}
    assert len(await items(client, direction="outbound")) == 3
    assert len(await items(client, agent="Ana López")) == 2
    assert [i["id"] for i in await items(client, search="greta call-00005")] == ["call-00005"]
    names = [i["customer"] for i in await items(client, sort="-customer")]
    assert names == sorted(names, key=str.casefold, reverse=True)
    second = await items(client, per_page="5", page="3")
    assert [i["id"] for i in second] == ["call-00010", "call-00011"]
    assert await items(client, show="monitored") == []
    assert len(await items(client, monitored="no")) == 12


async def test_a_session_from_join_to_leave(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.get("/monitoring")).json() == {"state": "idle"}
    answer = await client.post("/interactions/call-00001/monitor")
    assert answer.status_code == 201
    session = answer.json()
    assert session["state"] == "listening"
    assert session["muted"] is True
    assert session["owner"] == "sam"
    assert session["interaction"]["id"] == "call-00001"
    assert (await client.get("/monitoring")).json() == session
    assert [i["id"] for i in await items(client, show="monitored")] == ["call-00001"]
    assert [i["id"] for i in await items(client, monitored="yes")] == ["call-00001"]
    row = (await client.get("/interactions/call-00001")).json()
    assert row["monitors"][0]["supervisor"] == "sam"
    assert row["monitors"][0]["ended_at"] is None
    busy = await client.post("/interactions/call-00002/monitor")
    assert (busy.status_code, busy.json()["code"]) == (409, "busy")

    live = await client.put("/monitoring/microphone", json={"muted": False, "audience": "agent"})
    assert live.json()["muted"] is False
    assert live.json()["audience"] == "agent"
    again = await client.put("/monitoring/microphone", json={"muted": True})
    assert (again.json()["muted"], again.json()["audience"]) == (True, "agent")

    assert (await client.delete("/monitoring")).status_code == 204
    idle = (await client.get("/monitoring")).json()
    assert idle["state"] == "idle"
    assert idle["last_end"]["reason"] == "hung_up"
    assert set(idle) == {"state", "last_end"}
    assert (await items(client, show="monitored"))[0]["monitors"][0]["ended_at"]


async def test_an_unknown_gate_is_null_and_never_muted(
    world: World, client: httpx.AsyncClient
) -> None:
    await client.post("/interactions/call-00001/monitor")
    world.monitoring.lose_leg()
    body = (await client.get("/monitoring")).json()
    assert "muted" in body
    assert body["muted"] is None


async def test_refusals_carry_the_reason(world: World, client: httpx.AsyncClient) -> None:
    answer = await client.post("/interactions/call-00004/monitor")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_monitoring_object")
    sam = world.accounts.accounts["sam"]
    own = replace(sam, agent_ids={"sandbox": frozenset({"agent-1"})})
    world.accounts.accounts["sam"] = own
    answer = await client.post("/interactions/call-00001/monitor")
    assert (answer.status_code, answer.json()["code"]) == (403, "own_call")
    row = (await client.get("/interactions/call-00001")).json()
    assert row["not_monitorable_reason"] == "own_call"
    world.book.take(PlatformConnection(False, "The centre is away."))
    body = (await client.get("/interactions")).json()
    assert body["platform"]["detail"] == "The centre is away."
    assert body["items"][0]["not_monitorable_reason"] == "platform_lost"


async def test_another_supervisor_may_silence_and_not_speak(
    world: World, client: httpx.AsyncClient
) -> None:
    sue = {"Authorization": "Bearer token-sue"}
    await client.post("/interactions/call-00001/monitor")
    speak = await client.put("/monitoring/microphone", json={"muted": False}, headers=sue)
    assert (speak.status_code, speak.json()["code"]) == (403, "not_permitted")
    mute = await client.put("/monitoring/microphone", json={"muted": True}, headers=sue)
    assert mute.status_code == 200
    assert (await client.delete("/monitoring", headers=sue)).status_code == 204


async def test_history_is_ones_own_without_the_permission(
    world: World, client: httpx.AsyncClient
) -> None:
    body = (await client.get("/history?per_page=1")).json()
    assert body["total"] == 2
    record = body["items"][0]
    assert record["barges"][0]["audience"] == "agent"
    assert record["end_reason"] == "hung_up"
    assert MOMENT.fullmatch(record["ended_at"])
    assert record["quality"] == {"lost": 3}
    assert record["sound"] == {
        "mos": 4.16,
        "mos_worst": 2.4,
        "rating": "good",
        "lost_percent": 0.28,
        "concealed_percent": None,
        "delay_ms": 120.0,
        "words": "MOS 4.2 · 0.3 % lost",
    }
    sam = world.accounts.accounts["sam"]
    without = sam.permissions - {"VIEW_ALL_MONITORED_CALLS"}
    world.accounts.accounts["sam"] = replace(sam, permissions=frozenset(without))
    body = (await client.get("/history")).json()
    assert [r["supervisor"] for r in body["items"]] == ["sam"]


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert schema["openapi"].startswith("3.")
    assert "/api/v1/interactions/{interaction_id}/monitor" in schema["paths"]
    moment = schema["components"]["schemas"]["InteractionOut"]["properties"]["started_at"]
    assert moment["format"] == "date-time"


async def test_how_a_monitoring_sounded_is_told_with_its_interaction(
    world: World, client: httpx.AsyncClient
) -> None:
    world.monitoring.sound = SessionQuality(mos=3.04, mos_worst=1.2, lost_percent=7.0)
    await client.post("/interactions/call-00001/monitor")
    (running,) = (await client.get("/interactions/call-00001")).json()["monitors"]
    assert running["sound"] is None
    await client.delete("/monitoring")
    (over,) = (await client.get("/interactions/call-00001")).json()["monitors"]
    assert over["sound"]["rating"] == "poor"
    assert over["sound"]["words"] == "MOS 3.0 · 7.0 % lost"
    schema = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert "mos_worst" in schema["SoundOut"]["properties"]
    assert "sound" in schema["SessionOut"]["properties"]
    assert "sound" in schema["MonitorOut"]["properties"]


@pytest.fixture
def large_app() -> FastAPI:
    return make_world(10_000).app()


async def test_ten_thousand_interactions_are_filtered_quickly(large_app: FastAPI) -> None:
    transport = httpx.ASGITransport(large_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://box", headers=SAM) as client:
        times = []  # of this process alone, for the machine may be busy with others
        for search in ("greta", "lópez sales", "call-09999", "nothing like it", ""):
            start = time.process_time()
            answer = await client.get("/api/v1/interactions", params={"search": search})
            times.append(time.process_time() - start)
            assert answer.status_code == 200
        start = time.process_time()
        page = await client.get("/interactions?search=greta&per_page=50")
        times.append(time.process_time() - start)
        assert page.status_code == 200
    assert sorted(times)[len(times) // 2] < 0.3, times
