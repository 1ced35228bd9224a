"""Findings come, stay and go; a fix is on record before it is tried; nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.monitoring.store import StoreError
from appliance.provisioning.health import monitor as monitor_module
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check, Fix
from appliance.provisioning.health.finding import Finding, fault, warning
from appliance.provisioning.health.monitor import HealthError, HealthMonitor
from appliance.service.errors import BargeboxError
from tests.support.health_box import HealthBox, health_box
from tests.support.waiting import eventually


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[HealthBox]:
    async with health_box(tmp_path) as here:
        yield here


@pytest.fixture
def health(here: HealthBox) -> HealthMonitor:
    return HealthMonitor(here.box, here.audit)


def codes(health: HealthMonitor) -> list[str]:
    return [told.finding.code for told in health.findings()]


async def test_a_healthy_box(health: HealthMonitor) -> None:
    assert health.as_of is None
    await health.look()
    assert codes(health) == []
    assert health.as_of is not None


async def test_the_worst_comes_first_and_what_is_over_goes(
    here: HealthBox, health: HealthMonitor
) -> None:
    here.told.first_password = True
    await health.look()
    here.told.platform_fault = "It is no JSON."
    await health.look()
    assert codes(health) == ["platform_settings_damaged", "first_password_unchanged"]
    (damaged, unchanged) = health.findings()
    assert (damaged.fix, unchanged.fix) == ("Use the settings file’s platform", None)
    since = unchanged.since
    here.told.platform_fault = ""
    await health.look()
    (unchanged,) = health.findings()
    assert unchanged.since == since


async def test_a_fix_is_on_record_and_looked_at_again(
    here: HealthBox, health: HealthMonitor
) -> None:
    here.told.platform_fault = "It is no JSON."
    await health.look()
    await health.mend("platform_settings_damaged", "tom")
    assert here.told.forgot == ["tom"]
    assert codes(health) == []
    (row,) = (await here.audit.search()).rows
    assert (row.actor, row.action, row.detail) == (
        "tom",
        "health_fix",
        '{"code":"platform_settings_damaged"}',
    )
    with pytest.raises(HealthError) as refused:
        await health.mend("platform_settings_damaged", "tom")
    assert refused.value.code == "not_found"


async def test_what_only_a_person_can_mend_is_refused(
    here: HealthBox, health: HealthMonitor
) -> None:
    here.told.first_password = True
    await health.look()
    for code, wanted in (("first_password_unchanged", "no_fix"), ("nonsense", "not_found")):
        with pytest.raises(HealthError) as refused:
            await health.mend(code, "tom")
        assert refused.value.code == wanted
    assert (await here.audit.search()).rows == []


async def test_nothing_is_mended_without_a_record(
    here: HealthBox, health: HealthMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.told.platform_fault = "It is no JSON."
    await health.look()

    async def full(*entries: object) -> None:
        raise StoreError("The box's disk is full.", code="audit_unwritable")

    monkeypatch.setattr(here.audit, "append", full)
    with pytest.raises(BargeboxError, match="full"):
        await health.mend("platform_settings_damaged", "tom")
    assert here.told.forgot == []


async def never(box: Box) -> Iterable[Finding]:
    await asyncio.Event().wait()
    return []


async def broken(box: Box) -> Iterable[Finding]:
    return [fault("broken", "It is broken.", "Mend it.")]


async def test_a_check_that_hangs_is_told_and_the_others_go_on(here: HealthBox) -> None:
    checks = [Check("stuck_part", ("stuck",), never, limit_s=0.05), Check("b", ("broken",), broken)]
    health = HealthMonitor(here.box, here.audit, checks)
    await health.look()
    assert codes(health) == ["broken", "health_unknown"]
    assert "“stuck part” cannot tell" in health.findings()[1].finding.words
    assert set(codes(health)) <= set(health.codes)


async def test_a_check_that_fails_in_words_is_told(here: HealthBox, health: HealthMonitor) -> None:
    here.told.fault = StoreError("The box's disk does not answer.")
    await health.look()
    (told,) = health.findings()
    assert told.finding.code == "health_unknown"
    assert "does not answer" in told.finding.words


async def test_a_fix_that_hangs_is_given_up(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "FIX_LIMIT_S", 0.05)

    async def hang(box: Box, who: str) -> None:
        await never(box)

    checks = [Check("b", ("broken",), broken, {"broken": Fix("Mend", hang)})]
    health = HealthMonitor(here.box, here.audit, checks)
    await health.look()
    with pytest.raises(HealthError) as refused:
        await health.mend("broken", "tom")
    assert refused.value.code == "timeout"


async def test_it_looks_by_itself_and_an_accident_is_not_swallowed(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "SETTLE_S", 0.1)
    looks = 0
    died: list[str] = []

    async def look(box: Box) -> Iterable[Finding]:
        nonlocal looks
        looks += 1
        if looks == 4:
            raise RuntimeError("a mistake in the program")
        return [warning("turn", f"Look {looks}.", "Wait.")] if looks % 2 else []

    checks = [Check("turns", ("turn",), look, every_s=0.02)]
    health = HealthMonitor(here.box, here.audit, checks, on_death=died.append)
    health.start()
    await asyncio.sleep(0.02)
    assert looks == 0  # what comes up with the box is given a moment
    await eventually(lambda: died == ["health turns"])
    assert looks == 4
    assert codes(health) == ["turn"]
    await health.stop()


async def test_what_is_heavy_is_looked_at_soon_when_asked_and_not_at_once_again(
    here: HealthBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "HEAVY_AFTER_S", 0.0)
    looks: list[str] = []

    async def look(box: Box) -> Iterable[Finding]:
        looks.append("look")
        return []

    health = HealthMonitor(here.box, here.audit, [Check("big", ("x",), look, heavy=True)])
    health.start()
    await eventually(lambda: len(looks) == 1)
    await health.look()
    await asyncio.sleep(0.05)
    assert len(looks) == 1
    monkeypatch.setattr(monitor_module, "HEAVY_REST", timedelta(0))
    await health.look()
    await eventually(lambda: len(looks) == 2)
    await health.stop()
