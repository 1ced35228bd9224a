"""Checks an audit log where it lies: in a database, beside the running box, or in an export."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from appliance.monitoring.audit_check import ChainCheck, Verdict
from appliance.monitoring.audit_head import HeadError, SignedHead, heads_in
from appliance.monitoring.audit_rows import COLUMNS, NAMES, AuditRow, as_row, is_row
from appliance.monitoring.audit_seal import head_file
from appliance.monitoring.audit_tail import head_in

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line that are looked at."""
UNREADABLE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB)
"""SQLite's faults that say nothing of the log."""
AT_ONCE = 500
"""Rows between two looks at *stop*, and between two rests."""


class CheckStoppedError(Exception):
    """The check was given up, because the box stops."""


def open_to_read(database: Path) -> sqlite3.Connection:
    """A connection that cannot write, beside whoever does. Raises ``sqlite3.Error``."""
    found = sqlite3.connect(
        f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None
    )
    found.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return found


def check_database(
    database: Path,
    key: str | None = None,
    marks: Iterable[SignedHead] = (),
    *,
    stop: threading.Event | None = None,
    gently: bool = False,
) -> Verdict:
    """Check the log in *database* as of now, and the head beside it.

    *key* is the box's public key, where it is known; *gently* leaves half of the time to others.
    Raises ``OSError`` and ``sqlite3.Error`` when it cannot be read at all now.
    """
    if not database.is_file():
        raise FileNotFoundError(2, "There is no such file", str(database))
    verdict = Verdict()
    beside = _head_beside(database, verdict)  # first, so that the rows are never behind it
    with closing(open_to_read(database)) as connection:
        connection.execute("BEGIN")
        try:
            head = head_in(connection)
            if head is None:
                verdict.blame(None, "The database holds no signed head of the log.")
                head = beside
            if head is None:
                return verdict
            verdict.head = head
            for one in (head, *([beside] if beside else [])):
                _compare_key(verdict, one, key)
            checking = ChainCheck(verdict, head, [*marks, *([beside] if beside else [])])
            for values in _paced(connection.execute(_EVERY), stop, gently):
                checking.add(dict(zip(NAMES, values, strict=True)))
            checking.end()
        # Python cannot read SQLite's words where a damaged file makes them no UTF-8.
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if getattr(error, "sqlite_errorcode", None) in UNREADABLE:
                raise
            verdict.blame(None, f"The database is damaged after {verdict.rows} rows: {error}.")
    return verdict


_EVERY = f"SELECT {COLUMNS} FROM audit ORDER BY seq"  # noqa: S608


def check_export(file: Path, key: str | None = None, marks: Iterable[SignedHead] = ()) -> Verdict:
    """Check an export, which needs nothing else. Raises ``OSError`` when it cannot be read."""
    verdict = Verdict()
    with file.open("rb") as stream:
        try:
            verdict.head = head = SignedHead.parse(_last_line(stream))
        except HeadError as error:
            verdict.blame(None, f"The export does not end with a signed head: {error}.")
            return verdict
        _compare_key(verdict, head, key)
        checking = ChainCheck(verdict, head, marks)
        stream.seek(0)
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE), b""), 1):
            text = line.decode("utf-8", "surrogateescape")
            if text == f"{head.line()}\n":
                checking.end()
                if stream.read(1):
                    verdict.blame(None, f"Something follows the signed head in line {number}.")
                break
            row = _row(text)
            if row is None:
                verdict.blame(None, f"Line {number} is no row as a box writes it.")
            else:
                checking.add({name: getattr(row, name) for name in NAMES})
    return verdict


def export_database(database: Path) -> Iterator[bytes]:
    """The lines of an export, from a file alone. Raises ``OSError`` and ``sqlite3.Error``."""
    if not database.is_file():
        raise FileNotFoundError(2, "There is no such file", str(database))
    with closing(open_to_read(database)) as connection:
        connection.execute("BEGIN")
        for values in connection.execute(_EVERY):
            yield f"{as_row(values).line()}\n".encode("utf-8", "surrogateescape")
        head = head_in(connection)
        if head is not None:
            yield f"{head.line()}\n".encode()


def marks_of(file: Path) -> list[SignedHead]:
    """The signed heads anywhere in a file: an older export, an excerpt of a journal.

    Raises ``OSError``, and `HeadError` where one is no real one.
    """
    with file.open("rb") as stream:
        lines = iter(lambda: stream.readline(MAX_LINE), b"")
        return [head for line in lines for head in heads_in(line.decode("utf-8", "replace"))]


def _paced(
    cursor: sqlite3.Cursor, stop: threading.Event | None, gently: bool
) -> Iterator[tuple[object, ...]]:
    begun = time.monotonic()
    for number, values in enumerate(cursor, 1):
        yield values
        if number % AT_ONCE == 0:
            if stop is not None and stop.is_set():
                raise CheckStoppedError
            if gently:
                time.sleep(min(0.1, time.monotonic() - begun))
            begun = time.monotonic()


def _head_beside(database: Path, verdict: Verdict) -> SignedHead | None:
    file = head_file(database)
    try:
        line = file.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        verdict.blame(None, f"The signed head {file.name} beside the database is not there.")
        return None
    try:
        return SignedHead.parse(line.removesuffix("\n"))
    except HeadError as error:
        verdict.blame(None, f"The signed head in {file.name} cannot be used: {error}.")
        return None


def _compare_key(verdict: Verdict, head: SignedHead, key: str | None) -> None:
    if key is not None and head.public_key != key:
        verdict.blame(None, f"A head was signed with the key {head.public_key}, not with {key}.")


def _last_line(stream: IO[bytes]) -> str:
    """The last line without its end; heads are short."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 4096))
    tail = stream.read(4096)
    if not tail.endswith(b"\n"):
        raise HeadError("it was cut off")
    return tail[:-1].rpartition(b"\n")[2].decode("utf-8", "replace")


def _row(text: str) -> AuditRow | None:
    """The row of a line that is, to the byte, as a box writes it."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or not is_row(values):
        return None
    row = AuditRow(**values)
    return row if f"{row.line()}\n" == text else None
