"""Who may do what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.policy import (
    ROLES,
    Account,
    Permission,
    Running,
    is_own_call,
    monitor_refusal,
    silence_refusal,
    unmute_refusal,
)
from appliance.monitoring.reasons import WORDS, reason_for
from appliance.platforms.protocol import Capability
from tests.support.fake_driver import call

ALL = frozenset(Capability)


def account(role: str, name: str = "ann", agents: frozenset[str] = frozenset()) -> Account:
    return Account(name, role, ROLES[role], {"fake": agents})


def test_default_roles() -> None:
    assert set(ROLES) == {"Administrator", "Supervisor", "Technician"}
    assert ROLES["Administrator"] == set(Permission)
    assert ROLES["Technician"] == {Permission.MANAGE_DEVICE}
    assert Permission.MANAGE_ACCOUNTS not in ROLES["Supervisor"]


def test_a_supervisor_may_monitor_and_a_technician_may_not() -> None:
    assert monitor_refusal(account("Supervisor"), call(1), "fake", None) is None
    refusal = monitor_refusal(account("Technician"), call(1), "fake", None)
    assert refusal is not None
    assert refusal.reason is EndReason.NOT_PERMITTED


def test_own_call_counts_on_its_own_platform_only() -> None:
    ann = account("Supervisor", agents=frozenset({"agent-1"}))
    assert is_own_call(ann, call(1), "fake")
    assert not is_own_call(ann, call(1), "another")
    refusal = monitor_refusal(ann, call(1), "fake", None)
    assert refusal is not None
    assert refusal.code == "own_call"


@pytest.mark.parametrize("reason", [EndReason.NO_MONITORING_OBJECT, EndReason.MONITORING_DISABLED])
def test_the_platforms_reason_is_passed_on(reason: EndReason) -> None:
    item = replace(call(1), monitorable=False, not_monitorable_reason=reason)
    refusal = monitor_refusal(account("Supervisor"), item, "fake", None)
    assert refusal is not None
    assert refusal.reason is reason
    assert refusal.detail == WORDS[reason]


@pytest.mark.parametrize(
    ("owner", "interaction", "word"),
    [("bob", "call-1", "bob"), ("ann", "call-1", "already"), ("ann", "call-2", "another")],
)
def test_busy_says_who_and_what(owner: str, interaction: str, word: str) -> None:
    running = Running("s", interaction, owner)
    refusal = monitor_refusal(account("Supervisor"), call(1), "fake", running)
    assert refusal is not None
    assert refusal.code == "busy"
    assert refusal.reason is None
    assert word in refusal.detail


def test_an_ended_call() -> None:
    refusal = monitor_refusal(account("Supervisor"), call(1, state="ended"), "fake", None)
    assert refusal is not None
    assert refusal.code == "call_ended"


@pytest.mark.parametrize("audience", Audience)
def test_only_the_owner_unmutes(audience: Audience) -> None:
    assert unmute_refusal(account("Supervisor"), "ann", audience, ALL) is None
    refusal = unmute_refusal(account("Administrator", "bob"), "ann", audience, ALL)
    assert refusal is not None
    assert refusal.code == "not_permitted"


def test_a_permission_and_a_capability_per_mode() -> None:
    coach = Account("ann", "Coach", frozenset({Permission.COACH_ALL_CALLS}))
    assert unmute_refusal(coach, "ann", Audience.AGENT, ALL) is None
    refusal = unmute_refusal(coach, "ann", Audience.EVERYONE, ALL)
    assert refusal is not None
    assert "BARGE_ALL_CALLS" in refusal.detail
    refusal = unmute_refusal(coach, "ann", Audience.AGENT, ALL - {Capability.COACH})
    assert refusal is not None
    assert refusal.code == "not_supported"


def test_muting_and_leaving_are_safe_for_every_supervisor() -> None:
    for role in ("Administrator", "Supervisor", "Technician"):
        assert silence_refusal(account(role, "bob"), "ann") is None
    auditor = Account("eve", "Auditor", frozenset({Permission.VIEW_AUDIT}))
    assert silence_refusal(auditor, "ann") is not None
    assert silence_refusal(auditor, "eve") is None


def test_every_reason_has_a_sentence() -> None:
    assert set(WORDS) == set(EndReason)
    assert all(words.endswith(".") for words in WORDS.values())
    assert all(reason_for(reason.value) is reason for reason in EndReason)
    assert reason_for("boom") is EndReason.FAILED
