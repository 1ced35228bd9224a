"""Whatever is done to an audit log from outside is found, and told in words."""
# ruff: noqa: S608

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.monitoring.audit import AuditRow, Entry
from appliance.monitoring.audit_files import check_database, check_export, marks_of
from appliance.monitoring.audit_head import HeadError, SignedHead, public_key
from appliance.monitoring.audit_rows import COLUMNS, NAMES, canonical
from appliance.monitoring.audit_seal import head_file, read_key
from tests.support.audit_log import UNGUARDED, edit, exported, look_now, told, written

FLIPS = (0x01, 0x20, 0x80)
"""Another digit or letter, the other case, no UTF-8 any more."""
ROWS = 4


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A small log of which every kind of field has something."""
    file = tmp_path / "box.db"
    entries = [
        Entry("ann", "monitor", "5f2a", "call-7"),
        Entry("Ünal", "unmute", "5f2a", "call-7", {"audience": "agent", "via": "page"}),
        Entry("bargebox", "ended", "5f2a", "call-7", {"reason": "hung_up"}),
        Entry("eve", "sign_in_refused"),
    ]
    asyncio.run(written(file, *entries))
    assert look_now(file).rows == ROWS
    return file


@pytest.fixture
def export(database: Path, tmp_path: Path) -> Path:
    return asyncio.run(exported(database, tmp_path / "log.ndjson"))


def flipped(data: bytes) -> Iterator[bytes]:
    """*data* with each of its bytes changed, in several ways."""
    for place, byte in enumerate(data):
        for flip in FLIPS:
            yield data[:place] + bytes([byte ^ flip]) + data[place + 1 :]


def rows_of(database: Path) -> list[AuditRow]:
    with closing(sqlite3.connect(database)) as connection:
        return [
            AuditRow(*row)
            for row in connection.execute(f"SELECT {COLUMNS} FROM audit ORDER BY seq")
        ]


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


# -- exports


def test_a_changed_byte_of_an_export_is_found(export: Path) -> None:
    original = export.read_bytes()
    assert check_export(export).intact
    for data in flipped(original):
        export.write_bytes(data)
        assert not check_export(export).intact, data


def test_a_byte_more_or_less_in_an_export_is_found(export: Path) -> None:
    original = export.read_bytes()
    for place in range(len(original)):
        export.write_bytes(original[:place] + original[place + 1 :])
        assert not check_export(export).intact, place
        export.write_bytes(original[:place] + b" " + original[place:])
        assert not check_export(export).intact, place
    export.write_bytes(original + b"\n")
    assert not check_export(export).intact


def test_an_export_that_was_cut_off_anywhere_is_found(export: Path) -> None:
    original = export.read_bytes()
    for length in range(len(original)):
        export.write_bytes(original[:length])
        assert not check_export(export).intact, length


def test_lines_of_an_export_that_are_gone_doubled_or_swapped_are_found(export: Path) -> None:
    lines = export.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        changed = [
            [*lines[:number], *lines[number + 1 :]],
            [*lines[:number], line, *lines[number:]],
            [*lines[: number - 1], line, lines[number - 1], *lines[number + 1 :]] if number else [],
        ]
        for other in changed:
            export.write_bytes(b"".join(other))
            assert not check_export(export).intact, (number, other)


def test_what_is_no_export_is_said_in_words(export: Path) -> None:
    for text, words in (
        ("", "The export does not end with a signed head: it was cut off."),
        ("{}\n", "The export does not end with a signed head: it is no signed head."),
        ("[1]\n" * 3000, "The export does not end with a signed head: it is no signed head."),
        ("[" * 50_000 + "\n", "The export does not end with a signed head: it is no signed head."),
    ):
        export.write_text(text)
        assert told(check_export(export)) == [(None, words)]
    head = SignedHead.sign(Ed25519PrivateKey.generate(), 0, "0" * 64)
    for odd in ("[" * 50_000, '{"seq": 1}', "null", "x", '{"audit_head":{}}', '"\\ud800"'):
        export.write_text(f"{odd}\n{head.line()}\n")
        assert told(check_export(export)) == [(None, "Line 1 is no row as a box writes it.")]


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


def test_many_faults_are_counted_rather_than_told(tmp_path: Path) -> None:
    file = tmp_path / "box.db"
    asyncio.run(written(file, *(Entry("ann", f"act {number}") for number in range(30))))
    edit(file, "UPDATE audit SET actor = 'eve'")
    verdict = look_now(file)
    assert (len(verdict.faults), verdict.untold) == (20, 10)
