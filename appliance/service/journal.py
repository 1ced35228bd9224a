"""Logging: structured fields into the journal where there is one, terse lines otherwise.

``log.info("joined", extra=fields(session_id=session, interaction=call))`` becomes the journal
fields ``SESSION_ID=`` and ``INTERACTION=``. Writing happens in a thread of its own behind a
bounded queue, because a journal that stalls (a full disk) must not stall the audio; when the
queue is full the newest line is dropped and the loss is reported with the next one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import re
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from systemd.journal import send as journal_send

QUEUE_LINES: Final = 1000
"""Lines that may wait for the writer."""

FLUSH_TIME: Final = 1.0
"""Seconds that a process that ends gives its last lines."""

MAX_TEXT: Final = 32 * 1024
"""Characters of one message; more would not fit in one datagram to the journal."""

HIDDEN: Final = "***"

_KEY: Final = (
    "(?:password|passwd|passphrase|ice[-_]pwd|token|credential|secret"
    "|authorization|cookie|api[-_]key)"
)
_HEADER: Final = re.compile(r"(?i)((?:authorization|cookie)\s*:\s*)[^\r\n]+")
_PAIR: Final = re.compile(
    rf"""(?ix)
    ( {_KEY} [\w-]{{0,32}} (?: ["']\s*[:=,]\s*b? | \s*[:=]\s* ) )
    ( "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s,;&)}}\]]+ )"""
)
_BEARER: Final = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}")
_USERINFO: Final = re.compile(r"(://[^\s/:@]{0,64}:)[^\s/@]{1,256}@")
_SECRET_FIELD: Final = re.compile(f"(?i){_KEY}")

_PRIORITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)


def redact(text: str) -> str:
    """*text* with the values of passwords, tokens, credentials and the like blotted out."""
    text = _HEADER.sub(rf"\1{HIDDEN}", text)
    text = _PAIR.sub(rf"\1{HIDDEN}", text)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    return _USERINFO.sub(rf"\1{HIDDEN}@", text)


def fields(**values: object) -> dict[str, str]:
    """Structured fields for ``extra=``: names in upper case, secrets blotted out, no ``None``."""
    return {
        name.upper(): HIDDEN if _SECRET_FIELD.search(name) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _fields_of(record: logging.LogRecord) -> dict[str, str]:
    """The record's structured fields: its upper-case attributes, of which logging has none."""
    return {
        name: HIDDEN if _SECRET_FIELD.search(name) else redact(str(value))
        for name, value in vars(record).items()
        if name.isupper()
    }


class RedactingFormatter(logging.Formatter):
    """Formats as usual, traceback included, and blots secrets out of the finished text."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished text of *record*, cut at `MAX_TEXT`."""
        return redact(super().format(record))[:MAX_TEXT]


class TerminalFormatter(RedactingFormatter):
    """``12:03:04 warning leg: text  SESSION_ID=…``"""

    def __init__(self, process_name: str) -> None:
        super().__init__(f"%(asctime)s %(level)-8s {process_name}: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The finished line, fields at the end of its first line."""
        record.level = record.levelname.lower()
        first, newline, rest = super().format(record).partition("\n")
        pairs = "".join(f"  {name}={value}" for name, value in _fields_of(record).items())
        return first + pairs + newline + rest


class JournalHandler(logging.Handler):
    """Sends to the journal with chosen fields only.

    systemd-python's own handler sends every attribute of the record, the raw arguments
    included, which would carry secrets past the redaction.
    """

    def __init__(self, process_name: str, send: Callable[..., Any] = journal_send) -> None:
        super().__init__()
        self._process_name = process_name
        self._send = send
        self.setFormatter(RedactingFormatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a journal that cannot be reached loses it, never the caller."""
        own = {
            "PRIORITY": next((p for level, p in _PRIORITIES if record.levelno >= level), 7),
            "SYSLOG_IDENTIFIER": self._process_name,
            "LOGGER": record.name,
            "THREAD_NAME": record.threadName,
            "CODE_FILE": record.pathname,
            "CODE_LINE": record.lineno,
            "CODE_FUNC": record.funcName,
        }
        try:
            self._send(self.format(record), **{**_fields_of(record), **own})
        except OSError:
            self.handleError(record)


class Writer(logging.Handler):
    """Hands records to *target* in a thread; the caller never waits."""

    def __init__(self, target: logging.Handler, limit: int = QUEUE_LINES) -> None:
        super().__init__()
        self._target = target
        self._waiting: queue.Queue[logging.LogRecord | threading.Event | None]
        self._waiting = queue.Queue(limit)
        self._dropped = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record, or drop it when the queue is full."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until what was logged so far is written, but only `FLUSH_TIME` for each step."""
        written = threading.Event()
        try:
            self._waiting.put(written, timeout=FLUSH_TIME)
        except queue.Full:
            return
        written.wait(FLUSH_TIME)

    def close(self) -> None:
        """End the thread after the lines that wait; one that hangs dies with the process."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        super().close()

    def _write(self) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            if self._dropped:
                lost, self._dropped = self._dropped, 0
                self._target.handle(_notice(f"{lost} log lines were dropped: the log was stuck"))
            self._target.handle(item)


def _notice(text: str) -> logging.LogRecord:
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, None, None)


def in_journal() -> bool:
    """Whether stderr goes to the journal (``JOURNAL_STREAM``, systemd.exec(5))."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        here = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(here.st_dev), str(here.st_ino))


def set_up_logging(process_name: str, level: str = "info") -> Writer:
    """Log everything of *level* and above under *process_name*; earlier handlers are removed.

    Raises `ValueError` for a level that logging does not know.
    """
    target: logging.Handler
    if in_journal():
        target = JournalHandler(process_name)
    else:
        target = logging.StreamHandler()
        target.setFormatter(TerminalFormatter(process_name))
    writer = Writer(target)
    logging.basicConfig(level=level.upper(), handlers=[writer], force=True)
    logging.captureWarnings(capture=True)
    for chatty in ("aioice", "aiortc", "uvicorn.access", "websockets"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))
    return writer
