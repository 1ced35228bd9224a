"""The audit log's key and its signed head: made, lost, damaged, behind and ahead of the rows."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from pathlib import Path

import pytest

from appliance.monitoring.audit import Audit, AuditUnwritableError, Entry, insert
from appliance.monitoring.audit_rows import GENESIS
from appliance.monitoring.audit_seal import head_file, key_file
from appliance.monitoring.audit_tail import write_tail
from appliance.monitoring.schema import MIGRATIONS
from appliance.monitoring.store import Store
from tests.support.audit_log import edit, exported, look, look_at_export, told, written

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
