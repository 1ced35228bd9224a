"""What RAUC tells, understood: versions, progress, its words for a refusal, and odd answers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from appliance.console import update_wording
from appliance.console.errors import STATUS
from appliance.provisioning.bus import BusError, Talk
from appliance.provisioning.updates.errors import WORDS, of_rauc
from appliance.provisioning.updates.rauc import Now, Rauc
from appliance.provisioning.updates.versions import age_of
from appliance.provisioning.updates.views import step_of


@pytest.mark.parametrize(
    ("version", "running", "age"),
    [
        ("2.0.0", "1.9.9", "newer"),
        ("1.10.0", "1.9.0", "newer"),
        ("1.2", "1.2.0", "same"),
        ("v1.2.0", "1.2.0", "same"),
        ("1.2.0", "1.2.0+build7", "same"),
        ("1.2.0-rc.1", "1.2.0", "older"),
        ("1.2.0", "1.2.0-rc.1", "newer"),
        ("1.2.0-rc.10", "1.2.0-rc.9", "newer"),
        ("1.2.0-rc", "1.2.0-9", "newer"),
        ("1.2.0-rc.1", "1.2.0-rc", "newer"),
        ("2026.11.29", "2026.9.1", "newer"),
        ("0.9", "1.0.0", "older"),
        ("nightly", "nightly", "same"),
        ("nightly", "1.0.0", "unknown"),
        ("1.0.0", "", "unknown"),
        ("", "", "unknown"),
        ("9" * 65, "1.0.0", "unknown"),
        ("1.0.0\n", "1.0.0-x y", "unknown"),
    ],
)
def test_which_is_newer(version: str, running: str, age: str) -> None:
    assert age_of(version, running) == age


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Installation error: Compatible mismatch: Expected 'a' but bundle has 'b'", ""),
        ("signature verification failed: self-signed certificate", "bundle_untrusted"),
        ("Failed updating slot rootfs.1: No space left on device", "slot_unwritable"),
        ("Bundle format 'plain' not supported in streaming mode", "update_refused"),
        ("Remote URI given, but streaming support is off", "no_streaming"),
        ("nbd: request failed", "bundle_unreachable"),
        ("Invalid identifier. Did you pass a valid RAUC bundle?", "not_a_bundle"),
        ("Handler error: <b>x</b>", "update_refused"),
        ("", "update_refused"),
    ],
)
def test_rauc_s_words_for_people(words: str, code: str) -> None:
    error = of_rauc(words)
    assert error.code == (code or "update_refused")
    assert error.detail.endswith(".")
    mismatch = of_rauc("Compatible mismatch", found="b", own="a")
    assert (mismatch.code, "(b)" in mismatch.detail) == ("wrong_compatible", True)


def test_each_code_has_a_status_that_says_whose_fault_it_is() -> None:
    refused_now = {"update_busy", "installing", "no_bundle", "older_version"}
    refused_now |= {"nothing_to_restart", "slot_unfit"}
    told_at_a_field = {"address_not_https", "address_with_name"}
    told_later = {"update_interrupted"}
    assert set(WORDS) - refused_now - told_at_a_field - told_later <= set(STATUS)
    assert not refused_now & set(STATUS)
    assert update_wording.said("Something from outside.") == "Something from outside."


@pytest.mark.parametrize(
    ("words", "percent", "step"),
    [
        ("Installing", 0, "checking"),
        ("Determining slot states done.", 20, "checking"),
        ("Updating slots", 80, "writing"),
        ("Checking slot rootfs.1", 80, "writing"),
        ("Copying image to rootfs.1", 97, "writing"),
        ("Installing done.", 100, "finishing"),
        ("", 0, "checking"),
    ],
)
def test_rauc_s_progress_in_three_steps(words: str, percent: int, step: str) -> None:
    now = Now(operation="installing").changed({"Progress": [percent, words, 1]})
    assert (now.percent, step_of(now)) == (percent, step)


def test_progress_of_before_is_not_that_of_what_begins() -> None:
    before = Now().changed({"Progress": [100, "Checking manifest contents done.", 1]})
    now = before.changed({"Operation": "installing"})
    assert (now.percent, now.words) == (0, "")
    assert now.changed({"Progress": [500, "x", 1]}).percent == 100


class Says:
    """A connection to a bus where RAUC answers everything with the same."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def call(self, *_: object, **__: object) -> Any:
        return self.answer

    async def properties(self, _: object) -> Any:
        return self.answer


@pytest.mark.parametrize("answer", [[], [7], ["x", "y", "z"], [[("x", 5)]]])
async def test_an_answer_of_another_shape_is_a_fault_of_the_updater(answer: Any) -> None:
    rauc = Rauc(cast("Talk", Says(answer)))
    for ask in (rauc.slots, lambda: rauc.inspect("x", {}), lambda: rauc.mark("good", "booted")):
        with pytest.raises(BusError, match="does not understand"):
            await ask()


async def test_what_rauc_does_in_another_shape_is_not_known() -> None:
    for answer in ({"Progress": 5}, {"Progress": ["many", "words", 1]}, [7]):
        with pytest.raises(BusError, match="does not understand"):
            await Rauc(cast("Talk", Says(answer))).now()
