"""Updates that are refused: not for this box, damaged, too large, or out of reach."""

from __future__ import annotations

import pytest

from appliance.provisioning.updates.errors import UpdateError
from appliance.service.errors import BargeboxError
from tests.integration.updates.bench import Bench, pieces_of


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ({"signer": "stranger"}, "bundle_untrusted"),
        ({"compatible": "other-box"}, "wrong_compatible"),
    ],
)
async def test_what_is_not_for_this_box_is_refused_and_removed(
    bench: Bench, made: dict[str, str], code: str
) -> None:
    bundle = bench.box.bundle(**made)  # type: ignore[arg-type]
    with pytest.raises(UpdateError) as refused:
        await bench.upload(bundle)
    assert refused.value.code == code
    assert bench.left() == []
    assert (await bench.updates.view()).bundle is None
    (entry,) = bench.notes.entries
    assert (entry.actor, entry.action, entry.detail["code"]) == ("tom", "update_refused", code)
    assert bench.updates.progress.operation == "idle"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: data[:-5000], "bundle_cut_short"),
        (lambda data: data[: len(data) // 2], "bundle_cut_short"),
        (lambda data: data[:5000] + b"\0" * 64 + data[5064:], "bundle_untrusted"),
        (lambda data: b"PK" + data[2:-8] + b"\0" * 8, "not_a_bundle"),
        (lambda data: b"hello", "not_a_bundle"),
    ],
    ids=["end", "half", "changed", "other", "short"],
)
async def test_a_damaged_file_is_told_apart(bench: Bench, damage: object, code: str) -> None:
    data = damage(bench.box.bundle().read_bytes())  # type: ignore[operator]
    with pytest.raises(UpdateError) as refused:
        await bench.updates.upload("tom", "x.raucb", len(data), pieces_of(data))
    assert (refused.value.code, bench.left()) == (code, [])


async def test_a_server_that_this_rauc_cannot_read_is_told(bench: Bench) -> None:
    with pytest.raises(BargeboxError) as refused:
        await bench.updates.choose_address("tom", "https://127.0.0.1:9/x.raucb")
    assert refused.value.code in ("no_streaming", "bundle_unreachable")
    assert (await bench.updates.view()).bundle is None


async def test_there_is_no_room(bench: Bench) -> None:
    with pytest.raises(UpdateError) as refused:
        await bench.updates.upload("tom", "x", 10**15, pieces_of(b"x"))
    assert refused.value.code == "no_space"
    assert bench.left() == []
