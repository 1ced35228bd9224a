"""Whatever is done to the signed heads of an audit log is found, and told in words."""
# ruff: noqa: S608

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.monitoring.audit import Entry
from appliance.monitoring.audit_files import check_database, marks_of
from appliance.monitoring.audit_head import HeadError, SignedHead, public_key
from appliance.monitoring.audit_rows import canonical
from appliance.monitoring.audit_seal import head_file, read_key
from tests.support.audit_log import UNGUARDED, edit, look_now, told, written
from tests.support.small_log import ROWS, flipped, rows_of, small_log


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return small_log(tmp_path / "box.db")


def test_a_cut_with_the_head_that_belonged_to_it_then_is_found(
    database: Path, tmp_path: Path
) -> None:
    """The database as it was; the head beside it tells of what came later."""
    older = tmp_path / "older.db"
    shutil.copy(database, older)
    asyncio.run(written(database, Entry("ann", "monitor")))
    shutil.copy(older, database)
    words = "Row 5 is missing: an earlier signed head names the last of them."
    assert told(look_now(database)) == [(5, words)]


@pytest.mark.parametrize("first", range(1, ROWS + 1))
def test_a_chain_that_was_made_anew_does_not_fit_the_head(database: Path, first: int) -> None:
    """By somebody who knows how hashes are made, and has no key."""
    rows = rows_of(database)
    previous = rows[first - 2].hash if first > 1 else "0" * 64
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript(UNGUARDED)
        for row in rows[first - 1 :]:
            forged = replace(row, actor="mallory")
            previous = forged.expected_hash(previous)
            connection.execute(
                "UPDATE audit SET actor = 'mallory', hash = ? WHERE seq = ?", (previous, row.seq)
            )
    verdict = look_now(database)
    assert verdict.broken_at == ROWS
    assert "is not the one that" in verdict.faults[0].words


def test_a_head_of_another_key_is_found(database: Path) -> None:
    """By somebody with a key, but not with the box's."""
    rows, mine = rows_of(database), public_key(read_key(database))
    head = SignedHead.sign(Ed25519PrivateKey.generate(), ROWS, rows[-1].hash)
    head_file(database).write_text(f"{head.line()}\n")
    edit(database, f"UPDATE kv SET value = '{head.line()}' WHERE key = 'audit_head'")
    assert len(check_database(database, mine).faults) == 2
    assert check_database(database).intact  # it cannot know; it tells the key, to be compared
    assert check_database(database).head == head


def test_a_changed_byte_of_either_head_is_found(database: Path) -> None:
    file, mine = head_file(database), public_key(read_key(database))
    original = file.read_bytes()
    for data in flipped(original):
        file.write_bytes(data)
        assert not check_database(database, mine).intact, data
    file.write_bytes(original)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        change = "UPDATE kv SET value = CAST (? AS TEXT) WHERE key = 'audit_head'"
        (line,) = connection.execute("SELECT value FROM kv WHERE key = 'audit_head'").fetchone()
        for data in flipped(line.encode()):
            connection.execute(change, (data,))
            assert not check_database(database, mine).intact, data
        connection.execute(change, (line.encode(),))
    assert check_database(database, mine).intact


def test_heads_that_are_gone_are_found(database: Path) -> None:
    head_file(database).unlink()
    assert "is not there" in look_now(database).faults[0].words
    edit(database, "DELETE FROM kv")
    verdict = look_now(database)
    assert [fault.words for fault in verdict.faults][1] == (
        "The database holds no signed head of the log."
    )


def test_all_of_an_older_state_is_found_by_a_head_kept_elsewhere(
    database: Path, tmp_path: Path
) -> None:
    """What the box alone cannot know: everything in it is as it was then."""
    (tmp_path / "then").mkdir()
    for file in tmp_path.glob("box*"):
        shutil.copy(file, tmp_path / "then")
    asyncio.run(written(database, Entry("ann", "monitor"), Entry("ann", "unmute")))
    journal = tmp_path / "journal"
    line = head_file(database).read_text()
    journal.write_text(f"Nov 29 08:00:00 box bargebox-control[7]: {line}and other lines\n")
    for file in (tmp_path / "then").iterdir():
        shutil.copy(file, tmp_path)
    assert look_now(database).intact
    marks = marks_of(journal)
    verdict = check_database(database, marks=marks)
    assert told(verdict) == [
        (5, "Rows 5 to 6 are missing: an earlier signed head names the last of them.")
    ]
    journal.write_text(journal.read_text().replace('"rows":6', '"rows":5'))
    with pytest.raises(HeadError):
        marks_of(journal)


@pytest.mark.parametrize(
    "value",
    [
        *("", "{", "[]", "null", '{"audit_head":1}', '{"audit_head":{}}', '{"audit_head":[]}'),
        '{"audit_head":{"seq":NaN}}',
        canonical({"audit_head": {"at": "", "cut": "0"}}),
    ],
)
def test_what_is_no_head_is_refused(value: str) -> None:
    with pytest.raises(HeadError):
        SignedHead.parse(value)
