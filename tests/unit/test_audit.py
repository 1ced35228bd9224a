"""The audit log: what is written stays, and what cannot be written is refused."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.monitoring.audit import Audit, AuditUnwritableError, Entry, insert
from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_seal import head_file, key_file
from appliance.monitoring.store import Store, StoreError
from tests.support.audit_log import look
from tests.support.disk import fill, pragma
from tests.support.waiting import eventually

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)


async def test_the_chain_is_whole(store: Store, database: Path) -> None:
    audit = Audit(store)
    await audit.append(Entry("ann", "monitor", "s", "c"), Entry("ann", "unmute", "s", "c"))
    await audit.append(Entry("Ünal", "ended", "s", "c", {"reason": "hung_up", "a": 1}))
    rows = await audit.page()
    assert [(row.seq, row.actor, row.action) for row in rows] == [
        (1, "ann", "monitor"),
        (2, "ann", "unmute"),
        (3, "Ünal", "ended"),
    ]
    assert rows[2].detail == '{"a":1,"reason":"hung_up"}'
    verdict = await look(database)
    assert (verdict.intact, verdict.rows, verdict.remarks) == (True, 3, [])
    assert [row.seq for row in (await audit.search(limit=2)).rows] == [3, 2]
    assert [row.seq for row in (await audit.search(before=2)).rows] == [1]
    assert [row.seq for row in await audit.page(after=1, limit=1)] == [2]


async def test_key_and_head_are_the_box_s_own(store: Store, database: Path) -> None:
    await Audit(store).append(Entry("ann", "monitor"))
    for file in (key_file(database), head_file(database)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    head = SignedHead.parse(head_file(database).read_text().strip())
    assert (head.seq, head.rows, head.cut) == (1, 1, 0)
    assert key_file(database).read_text().strip() not in head_file(database).read_text()
    assert await Audit(store).head() == head


async def test_what_no_text_can_say_is_written_as_well_as_it_can_be(
    store: Store, database: Path
) -> None:
    await Audit(store).append(Entry("e\ud800ve\0", "sign_in_refused", detail={"n": "\udfff"}))
    (row,) = await Audit(store).page()
    assert (row.actor, row.detail) == ("e?ve\0", '{"n":"?"}')
    assert (await look(database)).intact


async def test_rows_that_are_inserted_past_the_log_are_refused(store: Store) -> None:
    await Audit(store).append(Entry("ann", "monitor"))
    with pytest.raises(RuntimeError, match=r"Audit\.append"):
        await store.write(lambda db: insert(db, [Entry("eve", "monitor")]))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 1",
        "UPDATE audit SET actor = 'x'",
        "UPDATE OR REPLACE audit SET seq = 2 WHERE seq = 1",
        "INSERT OR REPLACE INTO audit SELECT seq, at, 'x', action, NULL, NULL, detail, hash"
        " FROM audit",
        "REPLACE INTO audit SELECT seq, at, 'x', action, NULL, NULL, detail, hash FROM audit",
    ],
)
async def test_the_log_is_append_only(store: Store, database: Path, statement: str) -> None:
    audit = Audit(store)
    await audit.append(Entry("ann", "monitor"), Entry("ann", "unmute"))
    with pytest.raises(StoreError):
        await store.write(lambda db: db.execute(statement))
    assert (await look(database)).rows == 2


async def test_a_full_disk_refuses_what_must_be_on_record_and_keeps_what_is_noted(
    store: Store, database: Path
) -> None:
    deaths: list[str] = []
    audit = Audit(store, on_death=deaths.append)
    audit.start()
    await eventually(head_file(database).exists)
    await fill(store)
    long = {"words": "x" * 50_000}
    with pytest.raises(AuditUnwritableError) as error:
        await audit.append(Entry("ann", "monitor", detail=long))
    assert error.value.code == "audit_unwritable"
    assert "full" in error.value.detail
    audit.note(Entry("ann", "mute", detail=long))
    with pytest.raises(AuditUnwritableError):
        await audit.append(Entry("ann", "unmute"))
    await pragma(store, "max_page_count = 100000")
    await audit.append(Entry("ann", "monitor again"))
    assert [row.action for row in await audit.page()] == ["mute", "monitor again"]
    assert (await look(database)).intact
    await audit.stop()
    assert deaths == []


async def test_a_head_that_cannot_be_written_refuses_as_well(store: Store, database: Path) -> None:
    audit = Audit(store)
    await audit.append(Entry("ann", "monitor"))
    in_the_way = head_file(database).with_name(f"{head_file(database).name}.{os.getpid()}.new")
    in_the_way.mkdir()
    with pytest.raises(AuditUnwritableError, match="head cannot be kept"):
        await audit.append(Entry("ann", "unmute"))
    assert (await audit.page())[-1].action == "monitor"
    in_the_way.rmdir()
    await audit.append(Entry("ann", "ended"))
    assert [row.action for row in await audit.page()] == ["monitor", "ended"]
    assert (await look(database)).intact


async def test_notes_are_written_soon_and_at_the_latest_at_the_stop(store: Store) -> None:
    audit = Audit(store)
    audit.start()
    audit.note(Entry("ann", "mute"))
    found: list[str] = []
    while not found:
        found = [row.action for row in await audit.page()]
    audit.note(Entry("ann", "ended"))
    await audit.stop()
    assert [row.action for row in await audit.page()] == ["mute", "ended"]


async def test_a_backlog_has_an_end_and_says_so(
    store: Store, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = Audit(store)
    for number in range(1003):
        audit.note(Entry("ann", f"act {number}"))
    assert "audit entry lost: ann act 1000" in caplog.text
    await audit.append(Entry("ann", "act 1003"))
    last = (await audit.page(after=998, limit=9))[1:]
    assert [row.action for row in last] == ["act 999", "audit_lost", "act 1003"]
    assert last[1].detail == '{"rows":3}'
    await audit.append(Entry("ann", "act 1004"))
    assert ((await look(database)).rows, (await look(database)).faults) == (1003, [])
