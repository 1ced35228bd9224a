"""Logging: where it goes, what it carries, what it never carries, and that nobody waits for it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.service.journal import (
    JournalHandler,
    TerminalFormatter,
    Writer,
    fields,
    in_journal,
    redact,
    set_up_logging,
)

SECRET = "hunter2-and-more"


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.root
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


class Kept(logging.Handler):
    """A target that keeps its lines and can be stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def emit(self, record: logging.LogRecord) -> None:
        assert self.go_on.wait(10)
        self.lines.append(record.getMessage())


def record(text: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("leg.peer", logging.INFO, "peer.py", 7, text, args, None, "connect")
    vars(made).update(fields(**extra))
    return made


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f'{{"user": "ann", "password": "{SECRET}"}}',
        f"IceServer(urls=['turn:x'], username='u', credential='{SECRET}')",
        f"{{'api_key': '{SECRET}'}}",
        f"GET /x Authorization: Bearer {SECRET}",
        f'Proxy-Authorization: Digest username="u", response="{SECRET}"',
        f"[(b'authorization', b'Basic {SECRET}')]",
        f"Set-Cookie: session={SECRET}; HttpOnly",
        f"refused bearer {SECRET}",
        f"POST /session?access_token={SECRET}&next=/",
        f"a=ice-pwd:{SECRET}",
        f"cannot reach wss://box:{SECRET}@platform.example/ws",
        f"PASSWORD : {SECRET}",
        f'password="with \\" quote {SECRET}"',
    ],
)
def test_secrets_are_blotted_out(text: str) -> None:
    assert SECRET not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text", ["joined interaction 12 as leg 3", "a=ice-ufrag:abcd", "https://box.example:8443/a"]
)
def test_other_text_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_redaction_of_long_text_takes_no_longer_than_reading_it() -> None:
    assert len(redact("token" * 100_000)) > 0
    assert redact('"' * 200_000) == '"' * 200_000


def test_structured_fields() -> None:
    assert fields(session_id=5, interaction=None, access_token=SECRET) == {
        "SESSION_ID": "5",
        "ACCESS_TOKEN": "***",
    }


def test_the_journal_gets_the_fields_and_no_secret() -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    handler = JournalHandler("bargebox-leg", lambda text, **more: sent.append((text, more)))
    handler.handle(record("joined with token=%s", SECRET, session_id="s1", code="stale"))
    ((text, more),) = sent
    assert text == "joined with token=***"
    assert more["SESSION_ID"] == "s1"
    assert more["CODE"] == "stale"
    assert more["SYSLOG_IDENTIFIER"] == "bargebox-leg"
    assert (more["PRIORITY"], more["LOGGER"], more["CODE_LINE"]) == (6, "leg.peer", 7)
    assert SECRET not in repr(sent)


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.CRITICAL, 2),
        (logging.ERROR, 3),
        (logging.WARNING, 4),
        (logging.INFO, 6),
        (logging.DEBUG, 7),
    ],
)
def test_levels_become_priorities(level: int, priority: int) -> None:
    sent: list[int] = []
    handler = JournalHandler("x", lambda text, **more: sent.append(more["PRIORITY"]))
    handler.handle(logging.LogRecord("x", level, "x.py", 1, "text", None, None))
    assert sent == [priority]


def test_the_terminal_line_is_terse() -> None:
    line = TerminalFormatter("leg").format(record("joined %s", "now", session_id="s1"))
    assert line[8:] == " info     leg: joined now  SESSION_ID=s1"


def test_a_traceback_is_kept_and_its_secrets_are_not() -> None:
    try:
        raise ValueError(f"bad password={SECRET}")
    except ValueError:
        failed = record("failed", session_id="s1")
        failed.exc_info = sys.exc_info()
    first, *rest = TerminalFormatter("leg").format(failed).splitlines()
    assert first.endswith("failed  SESSION_ID=s1")
    assert rest[-1] == "ValueError: bad password=***"


def test_a_stuck_log_stops_nobody_and_tells_what_was_lost() -> None:
    target = Kept()
    target.go_on.clear()
    writer = Writer(target, limit=3)
    for number in range(20):
        writer.handle(record("line %d", number))
    target.go_on.set()
    writer.flush()
    writer.handle(record("after"))
    writer.flush()
    writer.close()
    lost = next(line for line in target.lines if "dropped" in line)
    kept = [line for line in target.lines if line.startswith("line")]
    assert kept[0] == "line 0"
    assert int(lost.split()[0]) == 20 - len(kept)
    assert target.lines[-1] == "after"


def test_logging_to_the_terminal(
    root_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    writer = set_up_logging("leg", "info")
    logging.getLogger("leg").debug("unheard")
    logging.getLogger("leg").warning("heard", extra=fields(code="x"))
    writer.flush()
    said = capfd.readouterr().err
    assert said.endswith(" warning  leg: heard  CODE=x\n")
    assert "unheard" not in said
    assert root_logger.handlers == [writer]
    assert not logging.getLogger("aioice").isEnabledFor(logging.INFO)


def test_an_unknown_level_is_refused(root_logger: logging.Logger) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        set_up_logging("leg", "loud")


def test_the_journal_is_known_by_its_stream(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here = os.fstat(sys.stderr.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{here.st_dev}:{here.st_ino}")
    assert in_journal()
    monkeypatch.setenv("JOURNAL_STREAM", f"{here.st_dev}:{here.st_ino + 1}")
    assert not in_journal()
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not in_journal()


def test_the_last_lines_of_a_process_are_written() -> None:
    script = (
        "import logging; from appliance.service.journal import set_up_logging;"
        "set_up_logging('leg'); logging.critical('the last word')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert "critical leg: the last word" in ended.stderr
