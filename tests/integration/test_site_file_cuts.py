"""A power cut at any step of taking up a document of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import site_file_cuts
from tests.support.cuts import cuts_of


@pytest.mark.timeout(600)
def test_a_cut_at_each_step_leaves_the_old_box_or_the_new_one(tmp_path: Path) -> None:
    old, *seen = cuts_of(site_file_cuts, tmp_path, limit_s=560)
    new = seen[-1]["state"]
    assert old["old"] != new
    assert len(seen) > 40
    for one in seen:
        assert one["alone"] in {old["old"], new}, one
        assert one["served"] == one["state"] == new, one
        assert one["secrets"] == [], one
        assert one["whole"], one
        assert one["left"] == ["report.txt", "seen"], one
        assert one["report"] == "APPLIED.", one
        assert one["again"] is False, one
    # Until the plan is there the box is the old one, from then on the new one.
    turns = [one["alone"] == new for one in seen]
    assert not turns[0]
    assert turns == sorted(turns)
    steps = {one["step"] for one in seen}
    written = ("provisioning/plan.secret.new", "provisioning/seen.new", "platform.json.new")
    assert {f"open state/{name}" for name in written} <= steps
    away = ("openid-secret.json.new", "log-forwarding.json.new")
    assert {f"open state/{name}" for name in away} <= steps
    assert {"open boot/bargebox.toml.new", "open etc/bargebox.toml.chosen.new"} <= steps
