"""The audit log: what is written stays, what cannot be written is refused, old rows go by rule."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from operator import methodcaller
from pathlib import Path

import pytest

from appliance.monitoring.audit import Audit, AuditUnwritableError, Entry, insert
from appliance.monitoring.audit_care import AuditCare
from appliance.monitoring.audit_head import SignedHead, heads_in
from appliance.monitoring.audit_rows import GENESIS
from appliance.monitoring.audit_seal import head_file, key_file
from appliance.monitoring.audit_tail import write_tail
from appliance.monitoring.schema import MIGRATIONS
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.store import Store, StoreError
from tests.support.audit_log import edit, exported, look, look_at_export, told, written
from tests.support.waiting import eventually

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "box.db"


@pytest.fixture
async def store(database: Path) -> AsyncIterator[Store]:
    opened = await Store.open(database)
    yield opened
    await opened.close()


async def _pragma(store: Store, pragma: str) -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(store._writer, store._written.execute, f"PRAGMA {pragma}")


async def _fill(store: Store) -> None:
    """A full disk: not one page more."""
    (pages,) = await store.read(lambda db: db.execute("PRAGMA page_count").fetchone())
    await _pragma(store, f"max_page_count = {pages}")


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
    await _fill(store)
    long = {"words": "x" * 50_000}
    with pytest.raises(AuditUnwritableError) as error:
        await audit.append(Entry("ann", "monitor", detail=long))
    assert error.value.code == "audit_unwritable"
    assert "full" in error.value.detail
    audit.note(Entry("ann", "mute", detail=long))
    with pytest.raises(AuditUnwritableError):
        await audit.append(Entry("ann", "unmute"))
    await _pragma(store, "max_page_count = 100000")
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


# -- keys and former logs


def _unsigned_log(database: Path) -> None:
    """As the software wrote it before there were signatures."""
    connection = sqlite3.connect(database)
    connection.executescript(f"{MIGRATIONS[0]}; {MIGRATIONS[1]}; PRAGMA user_version = 2")
    write_tail(connection, 0, GENESIS)
    insert(connection, [Entry("ann", "monitor"), Entry("ann", "ended")])
    connection.commit()
    connection.close()


async def test_a_log_from_before_there_were_signatures_goes_on(database: Path) -> None:
    await asyncio.to_thread(_unsigned_log, database)
    await written(database, Entry("ann", "monitor"))
    verdict = await look(database)
    assert (verdict.rows, told(verdict)) == (4, [])
    assert verdict.remarks == ["Row 3: a new key was made; rows before it were not signed with it."]


async def test_a_lost_key_is_made_anew_and_told(database: Path) -> None:
    await written(database, Entry("ann", "monitor"))
    former = key_file(database).read_text()
    key_file(database).unlink()
    await written(database, Entry("ann", "ended"))
    assert key_file(database).read_text() != former
    store = await Store.open(database)
    rows = await Audit(store).page()
    await store.close()
    assert [row.action for row in rows] == ["monitor", "audit_key_made", "ended"]
    assert all(len(key) == 64 for key in json.loads(rows[1].detail).values())
    assert (await look(database)).intact


async def test_a_damaged_key_refuses_until_somebody_looks(database: Path) -> None:
    await written(database, Entry("ann", "monitor"))
    key = key_file(database).read_bytes()
    key_file(database).write_bytes(b"\xff" + key[1:])
    with pytest.raises(AuditUnwritableError, match="holds no key"):
        await written(database, Entry("ann", "unmute"))
    key_file(database).write_bytes(key)
    await written(database, Entry("ann", "ended"))
    assert ((await look(database)).rows, (await look(database)).faults) == (2, [])


# -- the head outside


async def test_a_process_that_died_before_the_head_was_in_place_raises_no_alarm(
    database: Path,
) -> None:
    await written(database, Entry("ann", "monitor"))
    former = head_file(database).read_bytes()
    await written(database, Entry("ann", "unmute"), Entry("ann", "ended"))
    head_file(database).write_bytes(former)
    assert (await look(database)).intact
    await written(database, Entry("ann", "monitor"))
    assert ((await look(database)).rows, told(await look(database))) == (4, [])


@pytest.mark.parametrize("alive", [False, True])
@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("DELETE FROM audit WHERE seq = 3", "rows 3 to 3 are missing"),
        ("DELETE FROM audit", "rows 1 to 3 are missing"),
        ("UPDATE audit SET hash = hex (zeroblob (32)) WHERE seq = 3", "row 3 was exchanged"),
        ("UPDATE audit SET hash = CAST (x'ff' AS TEXT) WHERE seq = 3", "row 3 was exchanged"),
        (
            "INSERT INTO audit SELECT 4, at, 'eve', action, NULL, NULL, detail, hash FROM audit"
            " WHERE seq = 3",
            "rows 4 to 4 were not signed by this box",
        ),
    ],
)
async def test_a_box_that_goes_on_after_tampering_covers_nothing_up(
    database: Path, caplog: pytest.LogCaptureFixture, script: str, what: str, alive: bool
) -> None:
    """Also where it never stopped: what is missing stays missing, and a row tells of it."""
    acts = [Entry("ann", f"act {number}") for number in range(3)]
    store = await Store.open(database)
    audit = Audit(store)
    await audit.append(*acts)
    edit(database, script)
    before = await look(database)
    await (audit if alive else Audit(store)).append(Entry("ann", "act 3"))
    rows = await audit.page()
    await store.close()
    assert not before.intact
    assert [json.loads(row.detail) for row in rows if row.action == "audit_broken"] == [
        {"what": what}
    ]
    assert rows[-1].action == "act 3"
    assert what in caplog.text
    after = await look(database)
    assert before.broken_at in [fault.seq for fault in after.faults]
    assert any("tells of damage" in fault.words for fault in after.faults)


async def test_rows_that_were_cut_fit_in_again_from_an_older_export(
    database: Path, tmp_path: Path
) -> None:
    """The log goes on where the signed head was, so that the gap is just as wide as it is."""
    await written(database, *(Entry("ann", f"act {number}") for number in range(3)))
    older = await exported(database, tmp_path / "older.ndjson")
    edit(database, "DELETE FROM audit WHERE seq > 1")
    await written(database, Entry("ann", "act 3"))
    newer = (await exported(database, tmp_path / "newer.ndjson")).read_text().splitlines()
    whole = [*older.read_text().splitlines()[:3], *newer[1:]]
    mended = tmp_path / "mended.ndjson"
    mended.write_text("".join(f"{line}\n" for line in whole))
    (only,) = (await look_at_export(mended)).faults
    assert only.words == "Row 4 tells of damage: rows 2 to 3 are missing."


async def test_two_processes_may_write_to_one_log(store: Store, database: Path) -> None:
    """As the command line on the box does beside control."""
    first, second = Audit(store), Audit(await Store.open(database))
    for number in range(6):
        await (first, second)[number % 2].append(Entry("ann", f"act {number}"))
    await second._store.close()
    assert [row.action for row in await first.page()] == [f"act {number}" for number in range(6)]
    assert told(await look(database)) == []


async def test_what_root_writes_belongs_to_the_database_s_owner(database: Path) -> None:
    await written(database, Entry("ann", "monitor"))
    owner = 1234 if os.geteuid() == 0 else os.geteuid()
    os.chown(database, owner, -1)
    key_file(database).unlink()
    await written(database, Entry("ann", "ended"))
    assert {file.stat().st_uid for file in (key_file(database), head_file(database))} == {owner}


async def test_drafts_of_killed_processes_go(database: Path) -> None:
    old, new = (database.with_name(f"box-audit.head.{pid}.new") for pid in (7, 8))
    for draft in (old, new):
        draft.touch()
    os.utime(old, (0, 0))
    await written(database, Entry("ann", "monitor"))
    assert (old.exists(), new.exists()) == (False, True)


# -- age


def _row(days: float, action: str = "act") -> Entry:
    return Entry("ann", action, at=NOW - timedelta(days=days))


async def test_old_rows_go_and_the_rest_still_fits(
    store: Store, database: Path, tmp_path: Path
) -> None:
    audit = Audit(store)
    await audit.append(*(_row(days) for days in (40, 39, 38, 3, 37, 2)))
    assert await audit.cut(NOW - timedelta(days=30)) == 3
    rows = await audit.page()
    assert [row.seq for row in rows] == [4, 5, 6, 7]
    assert (rows[-1].actor, rows[-1].action) == ("bargebox", "audit_cut")
    detail = json.loads(rows[-1].detail)
    assert (detail["rows"], detail["through"], detail["broken_at"]) == (3, 3, None)
    head = await audit.head()
    assert head is not None
    assert (head.cut, head.cut_hash, head.rows, head.seq) == (3, detail["hash"], 4, 7)
    assert ((await look(database)).rows, told(await look(database))) == (4, [])
    verdict = await look_at_export(await exported(database, tmp_path / "log.ndjson"))
    assert (verdict.rows, told(verdict)) == (4, [])
    assert await audit.cut(NOW - timedelta(days=30)) == 0
    for seq in (4, 7):
        with pytest.raises(StoreError):
            await store.write(methodcaller("execute", "DELETE FROM audit WHERE seq = ?", (seq,)))
    await written(database, Entry("ann", "act"))
    assert ((await look(database)).rows, told(await look(database))) == (5, [])


async def test_removed_rows_leave_no_trace_in_the_file(database: Path) -> None:
    store = await Store.open(database)
    audit = Audit(store)
    await audit.append(_row(40, "monitor of Mrs Whispering"), _row(1))
    await audit.cut(NOW - timedelta(days=30))
    await store.close()  # the write-ahead log goes with it
    assert b"Whispering" not in database.read_bytes()


async def test_a_clock_far_ahead_removes_nothing(store: Store) -> None:
    audit = Audit(store)
    await audit.append(_row(40), _row(1))
    assert await audit.cut(NOW + timedelta(days=3000)) == 0


async def test_a_clock_that_leaps_ahead_removes_nothing_for_a_week(store: Store) -> None:
    """A clock without a battery at the start, or somebody who sets it to be rid of the log."""
    audit = Audit(store)
    await audit.append(*(_row(days) for days in (5, 4, 3, 2, 1)))
    ahead = NOW + timedelta(days=3650)
    await audit.append(Entry("eve", "clock_changed", at=ahead))
    assert await audit.cut(ahead - timedelta(days=365)) == 0
    await audit.append(Entry("ann", "monitor", at=ahead + timedelta(days=6)))
    assert await audit.cut(ahead - timedelta(days=365)) == 0
    await audit.append(Entry("ann", "monitor", at=ahead + timedelta(days=8)))
    assert await audit.cut(ahead - timedelta(days=365)) == 5


async def test_a_cut_tells_of_damage_that_goes_with_it(store: Store, database: Path) -> None:
    audit = Audit(store)
    await audit.append(*(_row(days) for days in (40, 39, 38, 1)))
    edit(database, "UPDATE audit SET actor = 'eve' WHERE seq = 2")
    assert await audit.cut(NOW - timedelta(days=30)) == 3
    assert json.loads((await audit.page())[-1].detail)["broken_at"] == 2


async def test_a_cut_that_nobody_signed_is_told(database: Path, tmp_path: Path) -> None:
    """By somebody with an older head, in which less or more was cut."""
    store = await Store.open(database)
    audit = Audit(store)
    await audit.append(*(_row(days) for days in (40, 39, 1, 1)))
    await store.close()
    before = tmp_path / "before"
    shutil.copytree(tmp_path, before, ignore=shutil.ignore_patterns("before"))
    edit(database, "DELETE FROM audit WHERE seq <= 2")
    assert told(await look(database)) == [(1, "Rows 1 to 2 are missing: row 3 comes next.")]
    shutil.copytree(before, tmp_path, dirs_exist_ok=True)
    store = await Store.open(database)
    await Audit(store).cut(NOW - timedelta(days=30))
    await store.close()
    assert (await look(database)).intact
    shutil.copy(before / database.name, database)  # an older table, with the newer head
    assert told(await look(database))[0] == (
        5,
        "Row 5 is missing: an earlier signed head names the last of them.",
    )


async def test_nothing_is_removed_while_somebody_exports(store: Store) -> None:
    audit = Audit(store)
    await audit.append(*(_row(days) for days in (40, 39, 1)))
    export = audit.export()
    first = await anext(export)
    assert await audit.cut(NOW - timedelta(days=30)) == 0
    rest = [part async for part in export]
    assert len((first + "".join(rest)).splitlines()) == 4
    assert await audit.cut(NOW - timedelta(days=30)) == 2


async def test_an_export_holds_what_there_was_when_it_began(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.audit.EXPORTED_AT_ONCE", 2)
    audit = Audit(store)
    await audit.append(*(Entry("ann", f"act {number}") for number in range(5)))
    file = tmp_path / "log.ndjson"
    text = ""
    async for part in audit.export():
        text += part
        await audit.append(Entry("ann", "meanwhile"))
    file.write_text(text)
    verdict = await look_at_export(file)
    assert (verdict.rows, told(verdict)) == (5, [])


# -- care


async def test_the_head_is_told_at_intervals_and_at_the_end(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "appliance.monitoring.audit_care")
    audit = Audit(store)
    await audit.append(Entry("ann", "monitor"))
    care = AuditCare(MonitoringSettings(audit_head_every_s=0.05), audit)

    def heads() -> list[int]:
        return [head.seq for text in caplog.messages for head in heads_in(text)]

    care.start()
    await eventually(lambda: len(heads()) >= 2)
    await audit.append(Entry("ann", "ended"))
    await care.stop()
    assert heads()[0] == 1
    assert heads()[-1] == 2
    told_fields = caplog.records[-1].__dict__
    assert told_fields["AUDIT_SEQ"] == "2"
    assert told_fields["AUDIT_HASH"] == (await audit.page())[-1].hash


async def test_rows_are_kept_as_long_as_the_setting_says(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.audit.MAX_CUT", 2)
    monkeypatch.setattr("appliance.monitoring.audit_care.BETWEEN_CUTS_S", 0.0)
    audit = Audit(store)
    now = datetime.now(UTC)
    old = [Entry("ann", "act", at=now - timedelta(days=days)) for days in (9, 8, 7, 6, 5)]
    await audit.append(*old, Entry("ann", "act"))
    await AuditCare(MonitoringSettings(), audit).cut()
    assert len(await audit.page()) == 6
    await AuditCare(MonitoringSettings(audit_keep_days=4), audit).cut()
    assert [row.action for row in await audit.page()] == ["act", *["audit_cut"] * 3]
    assert (await look(database)).intact


async def test_the_box_checks_its_own_log(
    store: Store, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = Audit(store)
    await audit.append(*(Entry("ann", f"act {number}") for number in range(3)))
    former = audit.checked
    assert former is None
    first, second = await asyncio.gather(audit.check(), audit.check())
    assert first is second is audit.checked
    assert (first.verdict.rows, first.verdict.intact) == (3, True)
    edit(database, "UPDATE audit SET actor = 'eve' WHERE seq = 2")
    assert told((await audit.check()).verdict) == [(2, "Row 2 was changed after it was written.")]
    assert "the audit log is not whole: Row 2 was changed" in caplog.text
    key_file(database).unlink()
    assert told((await audit.check()).verdict)[1:] == [
        (None, "The box's key box-audit.key is not there.")
    ]
