"""``bargebox audit``: whether the audit log is as it was written, and a copy of it."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.console.api_client import fetch, find_access
from appliance.monitoring.audit_check import Verdict
from appliance.monitoring.audit_files import (
    check_database,
    check_export,
    export_database,
    marks_of,
)
from appliance.monitoring.audit_head import HeadError, SignedHead, public_key
from appliance.monitoring.audit_seal import key_file, read_key
from appliance.service.errors import BargeboxError
from appliance.settings import load_or_last_good


class NoInputError(BargeboxError):
    """A file that is needed cannot be read."""

    code = "no_input"


def run(chosen: argparse.Namespace) -> int:
    """Check or export; the exit code."""
    return _verify(chosen) if chosen.what == "verify" else _export(chosen)


def _verify(chosen: argparse.Namespace) -> int:
    key = chosen.key.lower() if chosen.key else None
    marks = _marks(chosen.heads)
    if chosen.export is not None:
        with _readable(chosen.export):
            verdict = check_export(chosen.export, key, marks)
        return _tell(verdict, key, chosen.export)
    database = chosen.database or load_or_last_good(chosen.settings)[0].box.database
    with _readable(database):
        key = key or _own_key(database)
        verdict = check_database(database, key, marks)
    return _tell(verdict, key, database)


def _marks(file: Path | None) -> list[SignedHead]:
    if file is None:
        return []
    with _readable(file):
        try:
            marks = marks_of(file)
        except HeadError as error:
            raise NoInputError(f"{file} has a head that cannot be used: {error}") from error
    if not marks:
        raise NoInputError(f"{file} has no signed head in it")
    return marks


def _own_key(database: Path) -> str | None:
    """The box's public key, where its private one is at hand."""
    try:
        return public_key(read_key(database))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NoInputError(f"{key_file(database)} cannot be read: {error.strerror}") from error


def _tell(verdict: Verdict, key: str | None, source: Path) -> int:
    if verdict.intact:
        print(f"Whole: {source} has {verdict.rows} rows, all as they were written.")
    else:
        print(f"NOT AS IT WAS WRITTEN: {source}, {verdict.rows} rows.")
        for fault in verdict.faults:
            print(f"  {fault.words}")
        if verdict.untold:
            print(f"  {verdict.untold} more faults.")
    head = verdict.head
    if head is not None:
        print(f"It ends with row {head.seq}, hash {head.hash}, as signed at {head.at}.")
        if head.cut:
            print(f"Rows up to {head.cut} were removed because of their age.")
        print(f"Signed with the key {head.public_key}.")
        if key is None:
            print("Compare the key with one told elsewhere, or give it as --key.")
    for remark in verdict.remarks:
        print(remark)
    return 0 if verdict.intact else 1


def _export(chosen: argparse.Namespace) -> int:
    if chosen.output is None:
        for piece in _pieces(chosen):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return 0
    draft = chosen.output.with_name(f"{chosen.output.name}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for piece in _pieces(chosen):
                file.write(piece)
        draft.replace(chosen.output)
    except OSError as error:
        raise BargeboxError(
            f"{chosen.output} cannot be written: {error.strerror}", code="no_output"
        ) from error
    print(f"Exported to {chosen.output}.")
    return 0


def _pieces(chosen: argparse.Namespace) -> Iterator[bytes]:
    if chosen.database is None:
        access = find_access(chosen.url, chosen.token, chosen.run_dir / "cli.json")
        yield from fetch(access, "/audit/export")
        return
    with _readable(chosen.database):
        yield from export_database(chosen.database)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoInputError(f"{file} cannot be read: {error.strerror}") from error
    except sqlite3.Error as error:
        raise NoInputError(f"{file} cannot be read: {error}") from error
