"""Whatever is done to the rows of an audit log from outside is found, and told in words."""
# ruff: noqa: S608

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.monitoring.audit import Entry
from appliance.monitoring.audit_files import check_database
from appliance.monitoring.audit_rows import NAMES
from appliance.monitoring.audit_seal import head_file
from tests.support.audit_log import edit, look_now, told, written
from tests.support.small_log import ROWS, flipped, rows_of, small_log


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return small_log(tmp_path / "box.db")


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_changed_byte_of_a_row_is_found(database: Path, seq: int) -> None:
    original = rows_of(database)[seq - 1]
    edit(database, "")
    tried = 0
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for name in NAMES[1:]:
            value = getattr(original, name)
            if value is None:
                continue
            change = f"UPDATE audit SET {name} = CAST (? AS TEXT) WHERE seq = ?"
            for data in flipped(value.encode()):
                connection.execute(change, (data, seq))
                assert look_now(database).broken_at == seq, (name, data)
                tried += 1
            connection.execute(change, (value.encode(), seq))
    assert tried > 300
    assert look_now(database).intact


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
@pytest.mark.parametrize("column", ["session_id", "interaction_id"])
def test_an_empty_field_that_was_filled_and_the_other_way_round_is_found(
    database: Path, seq: int, column: str
) -> None:
    value = "''" if getattr(rows_of(database)[seq - 1], column) is None else "NULL"
    edit(database, f"UPDATE audit SET {column} = {value} WHERE seq = {seq}")
    assert look_now(database).broken_at == seq


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_changed_number_is_found(database: Path, tmp_path: Path, seq: int) -> None:
    for bit in range(63):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in tmp_path.glob("box*"):
            shutil.copy(file, copy)
        number = seq ^ (1 << bit)
        taken = 1 <= number <= ROWS
        script = f"UPDATE audit SET seq = {number} WHERE seq = {seq}"
        if taken:  # then the two are swapped
            script = (
                f"UPDATE audit SET seq = -1 WHERE seq = {number}; {script};"
                f" UPDATE audit SET seq = {seq} WHERE seq = -1"
            )
        edit(copy / "box.db", script)
        assert not look_now(copy / "box.db").intact, number


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_missing_row_is_named(database: Path, seq: int) -> None:
    edit(database, f"DELETE FROM audit WHERE seq = {seq}")
    (seq_told, words), *_ = told(look_now(database))
    assert seq_told == seq
    assert words.startswith(f"Row {seq} is missing")


@pytest.mark.parametrize("kept", range(ROWS))
def test_a_log_whose_newest_rows_were_cut_off_is_found(database: Path, kept: int) -> None:
    edit(database, f"DELETE FROM audit WHERE seq > {kept}")
    verdict = look_now(database)
    assert (verdict.broken_at, verdict.rows) == (kept + 1, kept)
    assert "missing: the signed head of" in verdict.faults[0].words


@pytest.mark.parametrize("seq", range(1, ROWS + 2))
def test_a_row_that_was_put_in_is_found(database: Path, seq: int) -> None:
    forged = "'2026-01-01T00:00:00.000+00:00', 'eve', 'mute', NULL, NULL, '{}', '" + "ab" * 32
    edit(
        database,
        f"UPDATE audit SET seq = -seq WHERE seq >= {seq};"
        "UPDATE audit SET seq = 1 - seq WHERE seq < 0;"
        f"INSERT INTO audit VALUES ({seq}, {forged}')",
    )
    assert look_now(database).broken_at == seq


@pytest.mark.parametrize("number", [0, -1])
def test_a_row_before_the_first_is_found(database: Path, number: int) -> None:
    forged = "'2026-01-01T00:00:00.000+00:00', 'eve', 'mute', NULL, NULL, '{}', '" + "ab" * 32
    edit(database, f"INSERT INTO audit VALUES ({number}, {forged}')")
    assert told(look_now(database)) == [(number, f"Row {number} stands where row 1 belongs.")]


@pytest.mark.parametrize("first", range(1, ROWS))
def test_swapped_rows_are_found(database: Path, first: int) -> None:
    edit(
        database,
        f"UPDATE audit SET seq = -1 WHERE seq = {first};"
        f"UPDATE audit SET seq = {first} WHERE seq = {first + 1};"
        f"UPDATE audit SET seq = {first + 1} WHERE seq = -1",
    )
    assert look_now(database).broken_at == first


def test_it_says_whether_words_or_hash_were_changed(database: Path) -> None:
    for seq in range(1, ROWS + 1):
        edit_to = "UPDATE audit SET {} WHERE seq = " + str(seq)
        former = rows_of(database)[seq - 1]
        edit(database, edit_to.format("actor = 'mallory'"))
        assert told(look_now(database)) == [(seq, f"Row {seq} was changed after it was written.")]
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute(edit_to.format("actor = ?"), (former.actor,))
            connection.execute(edit_to.format("hash = ?"), ("0" * 64,))
            words = f"The hash of row {seq} was changed after it was written."
            assert told(look_now(database)) == [(seq, words)]
            connection.execute(edit_to.format("hash = ?"), (former.hash,))
        assert look_now(database).intact


def test_a_damaged_file_is_found_or_its_rows_are_the_same(database: Path, tmp_path: Path) -> None:
    """Bytes of the file itself, at random: pages, cells, types, numbers, lengths."""
    chance = random.Random(18)
    copy = tmp_path / "copy.db"
    shutil.copy(head_file(database), head_file(copy))
    edit(database, "DROP INDEX audit_by_session; DROP INDEX audit_by_interaction; VACUUM;")
    data, good, found = database.read_bytes(), rows_of(database), 0
    near = [data.index(word) for word in (b"call-7", b"sign_in_refused", b"audit_head")]
    places = [chance.randrange(len(data)) for _ in range(150)]
    places += [place + chance.randrange(-300, 300) for place in near for _ in range(100)]
    for place in places:
        damaged = data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :]
        copy.write_bytes(damaged)
        try:
            intact = check_database(copy).intact
        except sqlite3.DatabaseError:
            intact = False
        found += not intact
        assert not intact or rows_of(copy) == good, place
    assert found > 100


def test_many_faults_are_counted_rather_than_told(tmp_path: Path) -> None:
    file = tmp_path / "box.db"
    asyncio.run(written(file, *(Entry("ann", f"act {number}") for number in range(30))))
    edit(file, "UPDATE audit SET actor = 'eve'")
    verdict = look_now(file)
    assert (len(verdict.faults), verdict.untold) == (20, 10)
