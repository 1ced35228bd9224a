"""The table for spreadsheets: read again it is what it was, and no cell of it is a formula."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.console import history_csv
from appliance.console.record_views import SessionOut
from tests.support.past_sessions import past

SIGNS = "=+-@＝＋－＠"
SKIPPED = " \"'\t\r\n\x00"


def read(text: str, delimiter: str = ",") -> list[list[str]]:
    """As a spreadsheet with this separator does."""
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_a_session_is_a_line_with_every_column() -> None:
    text = history_csv.head() + history_csv.session(SessionOut.of(past(3)))
    assert text.startswith("\ufeff")
    assert text.count("\r\n") == 2
    names, cells = read(text.removeprefix("\ufeff"))
    found = dict(zip(names, cells, strict=True))
    assert found["session_id"] == "past-000003"
    assert found["agents"] == "Jürgen Groß"
    assert found["customer"] == "Greta Holm +49300000003"
    assert found["contact_point"] == "'+49 800 1234"
    assert found["started_at"] == "2026-01-05T09:30:00.000Z"
    assert (found["length_s"], found["barges"], found["barged_s"]) == ("151.0", "2", "19.0")
    assert (found["end_reason"], found["mos"]) == ("hung_up", "3.3")
    assert found["concealed_percent"] == ""


def test_what_is_not_known_is_empty() -> None:
    nothing = replace(past(6), sound=None, ended_at=None, end_reason=None)
    names, cells = read(
        history_csv.line(history_csv.COLUMNS) + history_csv.session(SessionOut.of(nothing))
    )
    found = dict(zip(names, cells, strict=True))
    assert {found[name] for name in ("ended_at", "end_reason", "mos", "delay_ms")} == {""}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("  @SUM(A1)", "  '@SUM(A1)"),
        ("＝1", "'＝1"),
        ("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"),
        ('a;"=1"', 'a;"\'=1"'),
        ("Smith-Jones, 5 = 5", "Smith-Jones, 5 = 5"),
        ("", ""),
    ],
)
def test_signs_that_begin_a_formula_are_told(text: str, cell: str) -> None:
    assert history_csv.harmless(text) == cell


texts = st.text(alphabet=st.sampled_from(SIGNS + SKIPPED + ";,|a1")) | st.text(
    st.characters(exclude_categories=["Cs"])
)


@given(st.lists(texts, min_size=1, max_size=4))
def test_no_cell_is_a_formula_whatever_the_separator(cells: list[str]) -> None:
    text = history_csv.line(cells)
    (again,) = read(text)
    assert again == [history_csv.harmless(cell) for cell in cells]
    for delimiter in ";,\t|":
        for row in read(text, delimiter):
            for cell in row:
                assert (
                    not cell.lstrip(' \t\r\n\x00"')[:1]
                    or cell.lstrip(' \t\r\n\x00"')[0] not in SIGNS
                ), row
