"""The first start as rows of the database; all of it runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Final

from appliance.provisioning.first_start.steps import Overview, Standing, State, Step

IN_SERVICE: Final = "in_service"


def read(database: sqlite3.Connection) -> Overview:
    """How it stands; without steps where none is needed."""
    rows = {
        step: (state, words, who, None if at is None else datetime.fromisoformat(at))
        for step, state, words, who, at in database.execute(
            "SELECT step, state, words, who, at FROM first_start"
        )
    }
    _, _, _, since = rows.get(IN_SERVICE, ("", "", "", None))
    steps = []
    for step in Step if rows else ():
        state, words, who, at = rows.get(step, (State.OPEN, "", "", None))
        steps.append(Standing(step, State(state), words, who, at))
    return Overview(tuple(steps), since)


def begin(database: sqlite3.Connection) -> None:
    """Every step that is not known yet is open."""
    for step in Step:
        database.execute(
            "INSERT INTO first_start VALUES (?, ?, '', '', NULL) ON CONFLICT DO NOTHING",
            (step, State.OPEN),
        )


def write(
    database: sqlite3.Connection, step: str, state: State, words: str = "", who: str = ""
) -> None:
    """Set a step, or `IN_SERVICE`, as it stands from now on."""
    database.execute(
        "INSERT OR REPLACE INTO first_start VALUES (?, ?, ?, ?, ?)",
        (step, state, words, who, datetime.now(UTC).isoformat()),
    )
