"""The box's key, and the signed head that is kept outside of the audit log.

Each head is in the database as well, from the same transaction as its rows. The file is drafted
before that transaction is committed and put in place after it, so that it is never ahead of the
rows: a file that is ahead tells of rows that were cut off, and one that is behind of a process
that died between the two, which the signed head in the database then proves.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from appliance.monitoring.audit_head import SignedHead, parsed, public_key
from appliance.monitoring.audit_rows import GENESIS, Entry
from appliance.monitoring.audit_tail import (
    Tail,
    keep,
    kept,
    last_row,
    plain_tail,
    read_tail,
    write_tail,
)
from appliance.monitoring.store import StoreError
from appliance.service.files import write_draft, write_whole

log = logging.getLogger(__name__)

STALE_S = 60.0
"""A draft that is older is nobody's any more."""
BOX = "bargebox"
"""Who did what the box did by itself."""


class SealError(StoreError):
    """The audit log cannot be signed."""


def key_file(database: Path) -> Path:
    """The private key (32 bytes, hexadecimal) of the box whose *database* this is."""
    return database.with_name(f"{database.stem}-audit.key")


def head_file(database: Path) -> Path:
    """The signed head beside *database*."""
    return database.with_name(f"{database.stem}-audit.head")


def read_key(database: Path) -> Ed25519PrivateKey:
    """The box's key. Raises ``OSError``, and `SealError` when the file holds none."""
    data = key_file(database).read_bytes()
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(data.decode("ascii")))
    except ValueError:
        raise SealError(
            f"{key_file(database)} holds no key. Restore it, or move it away: a new key is made"
            " then, and the audit log tells of it."
        ) from None


class Seal:
    """Signs the log of one database. All methods block, and run in the store's writing thread.

    They raise `SealError` and ``sqlite3.Error``.
    """

    def __init__(self, database: Path) -> None:
        self._path = database
        head = head_file(database)
        # Of its own, for the command line on the box writes to the log of a running one.
        self._draft_file = head.with_name(f"{head.name}.{os.getpid()}.new")
        self._key: Ed25519PrivateKey | None = None
        self._head: SignedHead | None = None
        """The last one that was committed."""
        self._draft: SignedHead | None = None
        self._unsigned = False
        """The rows that there are were not signed with this key."""
        self._former: str | None = None
        """The key that was in use before, as far as is known."""

    def begin(self, database: sqlite3.Connection) -> list[Entry]:
        """Make ready for rows, inside their transaction: they go on from the newest head that this
        box signed, whatever has become of the table. Returns what is to be told of that, first.
        """
        in_database = kept(database)
        if self._head is not None and in_database == self._head.line():
            tail, wrong = Tail.of(self._head), ""
        else:
            with _in_words():
                tail, wrong = self._trusted(database, in_database)
        found = last_row(database, tail)
        if not wrong and found != (tail.seq, tail.hash):
            wrong = _difference(tail, found[0])
        self._tail = Tail(max(tail.seq, found[0]), tail.hash, tail.cut, tail.cut_hash)
        write_tail(database, self._tail.seq, self._tail.hash)
        entries = []
        if wrong:
            log.critical("the audit log is not as this box left it: %s", wrong)
            entries.append(Entry(BOX, "audit_broken", detail={"what": wrong}))
        if self._unsigned and self._tail.seq:
            assert self._key is not None
            keys: dict[str, JsonValue] = {"key": public_key(self._key), "before": self._former}
            entries.append(Entry(BOX, "audit_key_made", detail=keys))
        return entries

    @property
    def cut_hash(self) -> str:
        """What the first row that there is has to be chained to; after `begin`."""
        return self._tail.cut_hash

    def finish(self, database: sqlite3.Connection, cut: tuple[int, str] | None = None) -> None:
        """Sign the rows written since `begin`, and draft the file; *cut* is the last row (number
        and hash) that is to be removed.
        """
        assert self._key is not None
        seq, last = read_tail(database)
        after, after_hash = cut or (self._tail.cut, self._tail.cut_hash)
        self._draft = SignedHead.sign(self._key, seq, last, cut=after, cut_hash=after_hash)
        keep(database, self._draft.line())
        with _in_words():
            write_draft(self._draft_file, f"{self._draft.line()}\n".encode(), like=self._path)

    def committed(self) -> None:
        """The rows are on the disk: put the head's file in place."""
        self._head, self._unsigned = self._draft, False
        with _in_words():
            keep_draft(self._draft_file, head_file(self._path))

    def _trusted(self, database: sqlite3.Connection, in_database: str) -> tuple[Tail, str]:
        """The newest head of this box, and what is wrong with the heads that there are."""
        if self._key is None:
            self._clear_drafts()
            try:
                self._key = read_key(self._path)
            except FileNotFoundError:
                self._unsigned = True
                return self._first(database, in_database), ""
        mine = self._mine(in_database)
        if self._head is not None:
            if mine is not None and mine.seq >= self._head.seq:
                return Tail.of(mine), ""
            return Tail.of(self._head), "the head in the database was exchanged"
        beside = self._mine(self._beside())
        self._unsigned = mine is None
        known = [Tail.of(head) for head in (beside, mine) if head is not None]
        if not known:
            found = Tail(*last_row(database, Tail(0, GENESIS)))
            return found, "no head of it was signed by this box"
        newest = max(known, key=lambda tail: tail.seq)
        return newest, "" if beside is not None else "the head beside the database is not there"

    def _clear_drafts(self) -> None:
        """Those of processes that were killed."""
        for draft in self._path.parent.glob(f"{head_file(self._path).name}.*.new"):
            with suppress(FileNotFoundError):  # another process has just put its own in place
                if time.time() - draft.stat().st_mtime > STALE_S:
                    draft.unlink()

    def _mine(self, line: str) -> SignedHead | None:
        assert self._key is not None
        head = parsed(line)
        return head if head is not None and head.public_key == public_key(self._key) else None

    def _beside(self) -> str:
        try:
            return head_file(self._path).read_text("utf-8", "replace").strip("\n")
        except FileNotFoundError:
            return ""

    def _first(self, database: sqlite3.Connection, in_database: str) -> Tail:
        """The first start, or the first after the key was taken away. The rows that are there may
        be from before there were signatures.
        """
        tail, former = Tail(*(plain_tail(in_database) or (0, GENESIS))), None
        for head in (parsed(in_database), parsed(self._beside())):
            if head is not None and head.seq >= tail.seq:
                tail, former = Tail.of(head), head.public_key
        key = Ed25519PrivateKey.generate()
        head = SignedHead.sign(key, tail.seq, tail.hash, cut=tail.cut, cut_hash=tail.cut_hash)
        # The head first: with a key and without a head the log would count as broken.
        write_whole(head_file(self._path), f"{head.line()}\n".encode(), like=self._path)
        text = f"{key.private_bytes_raw().hex()}\n"
        write_whole(key_file(self._path), text.encode(), like=self._path)
        log.warning("a key for the audit log was made: %s", public_key(key))
        self._key, self._former = key, former
        return tail


def keep_draft(draft: Path, head: Path) -> None:
    """The head is the draft from now on, which needs no room on the disk. Raises ``OSError``."""
    draft.replace(head)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SealError(
            f"The audit log's head cannot be kept beside the database: {error.strerror}."
        ) from error


def _difference(tail: Tail, seq: int) -> str:
    if seq < tail.seq:
        return f"rows {seq + 1} to {tail.seq} are missing"
    if seq > tail.seq:
        return f"rows {tail.seq + 1} to {seq} were not signed by this box"
    return f"row {seq} was exchanged"
