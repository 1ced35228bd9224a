"""The bench's figures into ``docs/sound.md`` and its picture, between the page's two marks."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.sound.picture import picture
from tests.bench.sound.report import report
from tests.bench.sound.rows import Row

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "sound.md"
PICTURE = DOCS / "pictures/sound.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write_docs(rows: list[Row], page: Path = PAGE, drawn: Path = PICTURE) -> None:
    """Put the tables of *rows* between the marks of *page*, and the picture into *drawn*.

    Raises RuntimeError when the page has lost its marks.
    """
    text = page.read_text()
    if not (BEGIN in text and END in text):
        raise RuntimeError(f"{page.name} has no place for the figures: put back {BEGIN} and {END}")
    runs = len({(row.scenario, row.seed) for row in rows})
    seeds = len({row.seed for row in rows})
    voices = len({row.voice for row in rows})
    told = (
        f"{runs} runs on {datetime.now(UTC):%Y-%m-%d}: {seeds} seeds, {voices} voices at once; "
        f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}."
    )
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    # A function, so that no backslash of a table is read as a reference.
    page.write_text(pattern.sub(lambda _: f"{BEGIN}\n{told}\n\n{report(rows)}\n{END}", text))
    drawn.write_text(picture(rows))
