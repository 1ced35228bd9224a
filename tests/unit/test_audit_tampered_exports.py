"""Whatever is done to an export of the audit log is found, and told in words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.monitoring.audit_files import check_export
from appliance.monitoring.audit_head import SignedHead
from tests.support.audit_log import exported, told
from tests.support.small_log import flipped, small_log


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return small_log(tmp_path / "box.db")


@pytest.fixture
def export(database: Path, tmp_path: Path) -> Path:
    return asyncio.run(exported(database, tmp_path / "log.ndjson"))


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
