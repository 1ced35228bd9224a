"""The database: transactions, migrations, faults in words, history."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.audit import Audit, AuditUnwritableError, Entry
from appliance.monitoring.history import History, SessionRecord
from appliance.monitoring.schema import MIGRATIONS
from appliance.monitoring.store import Store, StoreError
from appliance.platforms.protocol import Interaction
from tests.support.disk import fill
from tests.support.fake_driver import call
from tests.support.waiting import eventually

NOW = datetime(2024, 5, 1, 9, tzinfo=UTC)


def _edit(path: Path, script: str) -> None:
    database = sqlite3.connect(path)
    database.executescript(script)
    database.close()


async def test_all_or_nothing(store: Store) -> None:
    def work(database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO kv VALUES ('a', '1')")
        database.execute("INSERT INTO kv VALUES ('a', '2')")

    with pytest.raises(StoreError):
        await store.write(work)
    assert await store.read(lambda db: db.execute("SELECT * FROM kv").fetchall()) == []


async def test_a_fault_of_the_caller_rolls_back_too(store: Store) -> None:
    def work(database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO kv VALUES ('a', '1')")
        raise KeyError

    with pytest.raises(KeyError):
        await store.write(work)
    assert await store.read(lambda db: db.execute("SELECT * FROM kv").fetchall()) == []
    await store.write(lambda db: db.execute("INSERT INTO kv VALUES ('a', '1')"))


async def test_the_database_is_durable_up_to_date_and_private(store: Store, tmp_path: Path) -> None:
    def look(database: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "user_version", "foreign_keys")
        return [database.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await store.write(look) == ["wal", 2, len(MIGRATIONS), 1]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


async def test_a_database_of_newer_software_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "box.db"
    await (await Store.open(path)).close()
    _edit(path, "PRAGMA user_version = 999")
    with pytest.raises(StoreError) as error:
        await Store.open(path)
    assert "newer" in error.value.detail


async def test_no_database_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "box.db").write_bytes(b"hello, this is no database at all " * 100)
    with pytest.raises(StoreError) as error:
        await Store.open(tmp_path / "box.db")
    assert "no database" in error.value.detail
    with pytest.raises(StoreError) as error:
        await Store.open(tmp_path / "nowhere" / "box.db")
    assert "cannot be opened" in error.value.detail


async def test_a_full_disk_and_a_locked_database_are_told_in_words(
    store: Store, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "box.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as error:
        await store.write(lambda db: None)
    assert "in use" in error.value.detail
    other.execute("ROLLBACK")
    other.close()
    await fill(store)
    with pytest.raises(StoreError) as error:
        await store.write(lambda db: db.execute("INSERT INTO kv VALUES ('a', ?)", ("x" * 50_000,)))
    assert "full" in error.value.detail


# -- history


async def test_a_session_from_begin_to_end(store: Store) -> None:
    audit, history = Audit(store), History(store)
    record = SessionRecord("s1", "h1", "fake", "ann", call(1), NOW)
    await audit.append(Entry("ann", "monitor", "s1"), also=history.beginning(record))
    assert await history.running() == [record]
    assert [leg.handle for leg in await history.open_legs()] == ["h1"]
    await history.barge("s1", NOW, Audience.AGENT)
    await history.barge("s1", NOW, Audience.EVERYONE)
    await history.end("s1", NOW, EndReason.HUNG_UP, "Left.", quality={"lost": 3})
    await history.end("s1", NOW, EndReason.FAILED, "Too late.")
    await history.leg_is_gone("h1")
    ended = await history.get("s1")
    assert ended is not None
    assert (ended.end_reason, ended.end_detail, ended.quality) == (
        EndReason.HUNG_UP,
        "Left.",
        {"lost": 3},
    )
    assert [(span.audience, span.ended_at) for span in ended.barges] == [
        (Audience.AGENT, NOW),
        (Audience.EVERYONE, NOW),
    ]
    assert ended.interaction == call(1)
    assert await history.running() == []
    assert await history.open_legs() == []
    assert await history.page(supervisor="ann") == ([ended], 1)
    assert await history.page(supervisor="bob") == ([], 0)
    assert await history.page(page=2) == ([], 1)


async def test_how_a_session_sounded_is_kept(store: Store) -> None:
    audit, history = Audit(store), History(store)
    for name, sound in {
        "whole": SessionQuality(
            mos=4.21, mos_worst=2.9, lost_percent=0.3, concealed_percent=0.41, delay_ms=118.5
        ),
        "part": SessionQuality(lost_percent=0.0),
        "empty": SessionQuality(),
        "none": None,
    }.items():
        record = SessionRecord(name, f"h-{name}", "fake", "ann", call(1), NOW)
        await audit.append(Entry("ann", "monitor", name), also=history.beginning(record))
        await history.end(name, NOW, EndReason.HUNG_UP, "Left.", sound=sound)
        kept = await history.get(name)
        assert kept is not None
        assert kept.sound == (sound if name in ("whole", "part") else None)
    late = SessionQuality(mos=1.0)
    await history.end("whole", NOW, EndReason.FAILED, "Too late.", sound=late)
    kept = await history.get("whole")
    assert kept is not None
    assert kept.sound is not None
    assert kept.sound.mos == 4.21


async def test_a_database_of_before_the_sound_was_kept_becomes_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "box.db"
    interaction = TypeAdapter(Interaction).dump_json(call(1)).decode()
    rows = {
        "measured": '{"received": 990, "lost": 10, "jitter_ms": 1.5, "sent": 7}',
        "unheard": '{"received": 0, "lost": 0}',
        "odd": "[1, 2]",
        "torn": "no JSON",
        "unmeasured": None,
    }
    database = sqlite3.connect(path)
    database.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version = 1")
    for name, quality in rows.items():
        database.execute(
            "INSERT INTO sessions VALUES (?, '', 'fake', 'ann', '', ?, ?, ?, 'hung_up', '', ?)",
            (name, interaction, NOW.isoformat(), NOW.isoformat(), quality),
        )
    database.commit()
    database.close()

    store = await Store.open(path)
    shown = {name: (await History(store).get(name)) for name in rows}
    version = await store.read(lambda db: db.execute("PRAGMA user_version").fetchone()[0])
    await store.close()
    assert version == len(MIGRATIONS)
    measured = shown["measured"]
    assert measured is not None
    assert measured.sound == SessionQuality(lost_percent=1.0)
    assert measured.quality is not None
    assert measured.quality["sent"] == 7
    for name in ("unheard", "odd", "torn", "unmeasured"):
        record = shown[name]
        assert record is not None
        assert record.sound is None


@pytest.mark.parametrize("torn", ["{broken", "[1]", '"x"', '{"lost": "\\ud800"}', "[" * 20_000])
async def test_a_measurement_that_cannot_be_read_hides_no_session_and_is_told_once(
    store: Store, caplog: pytest.LogCaptureFixture, torn: str
) -> None:
    history, name = History(store), f"torn {torn:.9}"
    begun = history.beginning(SessionRecord(name, "h", "fake", "ann", call(1), NOW))
    await Audit(store).append(Entry("ann", "monitor", name), also=begun)
    await history.end(name, NOW, EndReason.HUNG_UP, "Left.", quality={"lost": 3})
    await store.write(lambda db: db.execute("UPDATE sessions SET quality = ?", (torn,)))
    for _ in range(2):
        ((record,), total) = await history.page()
        assert (record.id, record.quality, total) == (name, None, 1)
    assert caplog.text.count(name) == 1


async def test_record_and_rows_stand_or_fall_together(store: Store) -> None:
    audit, history = Audit(store), History(store)
    record = SessionRecord("s1", "h1", "fake", "ann", call(1), NOW)
    await audit.append(Entry("ann", "monitor"), also=history.beginning(record))
    with pytest.raises(AuditUnwritableError):
        await audit.append(Entry("ann", "monitor"), also=history.beginning(record))
    assert len(await audit.page()) == 1


async def test_the_queue_to_the_disk_has_an_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.store.MAX_WAITING", 2)
    results = await asyncio.gather(
        *(store.write(lambda db: None) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, StoreError) for result in results) == 3
    await eventually(lambda: store._waiting == 0)
