"""The audit log over the years: old rows go by rule, its head is told, and it is looked at."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from datetime import UTC, datetime, timedelta
from operator import methodcaller
from pathlib import Path

import pytest

from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.audit_care import AuditCare
from appliance.monitoring.audit_head import heads_in
from appliance.monitoring.audit_seal import key_file
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.store import Store, StoreError
from tests.support.audit_log import edit, exported, look, look_at_export, told, written
from tests.support.waiting import eventually

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)


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
