"""What a site may ask before each call, and the settings that say so."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from appliance.monitoring.policy import RefusedError
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.terms import Given, Terms

TEXT = "Only for training."
CONFIRM = Terms(confirmation=TEXT)
WORDS = Terms(ask_reason=True)
CHOICE = Terms(ask_reason=True, reasons=("Training", "Complaint"))


@pytest.mark.parametrize(
    ("terms", "given", "accepted"),
    [
        (Terms(), Given(), Given()),
        (Terms(), Given(confirmed=True, reason=" so \n what "), Given(reason="so what")),
        (CONFIRM, Given(confirmed=True), Given(confirmed=True)),
        (WORDS, Given(reason="  a new\tagent "), Given(reason="a new agent")),
        (CHOICE, Given(reason="Training"), Given(reason="Training")),
    ],
)
def test_what_is_enough(terms: Terms, given: Given, accepted: Given) -> None:
    assert terms.accept(given) == accepted


@pytest.mark.parametrize(
    ("terms", "given", "code", "words"),
    [
        (CONFIRM, Given(reason="x"), "confirmation_needed", TEXT),
        (WORDS, Given(confirmed=True, reason=" \n"), "reason_needed", "asks for a reason"),
        (Terms(), Given(reason="x" * 201), "reason_needed", "at most 200"),
        (CHOICE, Given(), "reason_needed", "Choose one: Training; Complaint."),
        (CHOICE, Given(reason="training"), "reason_needed", "not one of"),
    ],
)
def test_what_is_not(terms: Terms, given: Given, code: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        terms.accept(given)
    assert refused.value.code == code


def test_nothing_is_asked_by_default() -> None:
    assert not Terms.of(MonitoringSettings())
    assert Terms.of(MonitoringSettings(confirmation=" Read this.\nAnd this. "))
    asked = Terms.of(MonitoringSettings(ask_reason=True, reasons=[" Training  week "]))
    assert asked.reasons == ("Training week",)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"reasons": ["Training"]}, "set ask_reason"),
        ({"ask_reason": True, "reasons": ["Training", " Training "]}, "there twice"),
        ({"ask_reason": True, "reasons": ["  "]}, "reasons.0"),
        ({"ask_reason": True, "reasons": ["x" * 201]}, "reasons.0"),
        ({"ask_reason": True, "reasons": [str(n) for n in range(51)]}, "reasons"),
        ({"confirmation": "x" * 2001}, "confirmation"),
        ({"confirmation": "bell\x07"}, "cannot be printed"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MonitoringSettings(**settings)
