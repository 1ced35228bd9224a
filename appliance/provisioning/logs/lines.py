"""Where the box's log lines come from: the journal, or, where there is none, this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from systemd.journal import Reader

from appliance.monitoring.audit_head import MARK, parsed
from appliance.provisioning.logs.message import INFO, Line
from appliance.provisioning.support.redaction import Redactor
from appliance.service.journal import RedactingFormatter

log = logging.getLogger(__name__)

PROCESSES: Final = ("bargebox-leg", "bargebox-control")
LOOK_S: Final = 0.5
"""How long the journal may have something new before it is looked for the stop."""
STOP_LIMIT_S: Final = 2.0
SLOWLY_S: Final = 0.02
"""Between two lines when it gets tight: what is read at once after a long pause would push out
what it is itself."""
AGAIN_S: Final = 5.0
_SEVERITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_SHAPES: Final = Redactor([])


Take = Callable[[Line], bool]
"""Hands a line over; true when it gets tight there."""


class Source(Protocol):
    """It hands lines over until it is stopped."""

    def start(self, take: Take, after: str) -> None:
        """Begin, *after* a place in the journal, or now where that is empty."""

    def stop(self) -> None:
        """End; waits for a moment."""


def clean(text: str) -> str:
    """*text* without the secrets and the telephone numbers that can be told by their shape.

    A signed head has neither, and would not fit its signature any more.
    """
    if text.startswith(MARK) and parsed(text) is not None:
        return text
    return _SHAPES.clean(text, people=True)


class JournalLines:
    """The journal's lines: of *identifiers*, or with none all of them. One thread reads it."""

    def __init__(self, identifiers: tuple[str, ...], folder: Path | None = None) -> None:
        self._identifiers, self._folder = identifiers, folder
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, take: Take, after: str) -> None:
        """Begin."""
        self._thread = threading.Thread(
            target=self._run, args=(take, after), name="journal lines", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; a journal that hangs is left to its thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(STOP_LIMIT_S)

    def _run(self, take: Take, after: str) -> None:
        last, told = after, ""

        def taken(line: Line) -> None:
            nonlocal last
            last = line.cursor
            if take(line):
                self._ended.wait(SLOWLY_S)

        while not self._ended.is_set():
            try:
                self._follow(taken, last)
            except (OSError, ValueError) as error:
                if str(error) != told:  # and not every few seconds into the same journal
                    told = str(error)
                    log.warning("the journal cannot be read: %s", error)
                if isinstance(error, ValueError):
                    last = ""  # it is no place in a journal: from now on
                self._ended.wait(AGAIN_S)

    def _follow(self, take: Callable[[Line], None], after: str) -> None:
        folder = None if self._folder is None else str(self._folder)
        with Reader(path=folder) as reader:
            for name in self._identifiers:
                reader.add_match(SYSLOG_IDENTIFIER=name)
            if after:
                reader.seek_cursor(after)
                entry = reader.get_next()  # the last one that was told, unless it is gone
                if entry and entry.get("__CURSOR") != after:
                    take(line_of(entry))
            else:
                reader.seek_tail()
                reader.get_previous()
            while not self._ended.is_set():
                entry = reader.get_next()
                if entry:
                    take(line_of(entry))
                else:
                    reader.wait(LOOK_S)


def line_of(entry: Mapping[str, Any]) -> Line:
    """A line of the journal (systemd.journal-fields(7))."""
    severity = entry.get("PRIORITY", INFO)
    app = entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM") or "unknown"
    return Line(
        text=clean(_text(entry.get("MESSAGE", ""))),
        severity=severity if isinstance(severity, int) and 0 <= severity <= 7 else INFO,
        app=_text(app),
        process=_text(entry.get("_PID", "")),
        kind=_text(entry.get("CODE", "")),
        at=entry["__REALTIME_TIMESTAMP"].astimezone(UTC),
        cursor=_text(entry.get("__CURSOR", "")),
    )


def _text(value: object) -> str:
    """A field may be there several times, or hold bytes that are no text."""
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class OwnLines(logging.Handler):
    """What this process logs, as in the demo, where nothing goes to a journal."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(RedactingFormatter("%(message)s"))
        self._take: Take | None = None

    def start(self, take: Take, after: str) -> None:
        """Begin; there is nothing from before."""
        self._take = take
        logging.root.addHandler(self)

    def stop(self) -> None:
        """End."""
        logging.root.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it over."""
        assert self._take is not None
        severity = next((s for level, s in _SEVERITIES if record.levelno >= level), 7)
        self._take(
            Line(
                text=clean(self.format(record)),
                severity=severity,
                process=str(record.process or ""),
                kind=str(getattr(record, "CODE", "")),
                at=datetime.fromtimestamp(record.created, UTC),
            )
        )


def source_of(lines: Literal["bargebox", "all", "none"], *, journal: bool) -> Source | None:
    """The source of what is wanted; *journal*: this process logs into one."""
    if lines == "none":
        return None
    if not journal:
        return OwnLines()
    return JournalLines(PROCESSES if lines == "bargebox" else ())
