"""A power cut at any step of taking a new certificate into use."""

from __future__ import annotations

from pathlib import Path

from tests.support import certificate_cuts
from tests.support.cuts import cuts_of


def test_a_cut_at_each_step_leaves_the_old_or_the_new_pair_whole(tmp_path: Path) -> None:
    seen = cuts_of(certificate_cuts, tmp_path)
    assert len(seen) > 12
    assert {one["step"] for one in seen} == {"", *certificate_cuts.STEPS}
    for one in seen:
        assert one["new key"] == (one["uploaded"] == "new"), one
        # The key that a request was made with is never lost, not even between two files.
        assert one["request"] or one["new key"], one
        assert set(one["files"]) <= {"uploaded.pem", "request.pem"}, one
    assert [one["uploaded"] for one in (seen[0], seen[-1])] == ["old", "new"]
    assert seen[-1]["files"] == ["uploaded.pem"]
    assert any(one["uploaded"] == "new" and one["step"] and not one["within"] for one in seen)
