"""What is sent to a log server: its form, its framing, its bounds, and what is left out."""

from __future__ import annotations

import logging
import re
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from appliance.monitoring.audit_head import SignedHead, heads_in
from appliance.monitoring.audit_rows import AuditRow
from appliance.provisioning.logs import lines
from appliance.provisioning.logs.lines import JournalLines, OwnLines, clean, line_of
from appliance.provisioning.logs.message import Line, formed, framed
from appliance.provisioning.logs.proof import head_line, row_line
from appliance.provisioning.logs.settings import LogForwarding
from appliance.provisioning.logs.waiting import Waiting
from tests.support.console_memory import MemoryAudit

AT = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
FORM = re.compile(
    rb"<(\d{1,3})>1 (\S+Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32})"
    rb' \[meta sequenceId="(\d+)"\] (.*)',
    re.DOTALL,
)
"""RFC 5424, 6, as far as it is used."""


def test_a_message_as_rfc_5424_has_it() -> None:
    line = Line("the headset is gone", 4, "bargebox-leg", "77", "headset_lost", AT)
    assert formed(line, "local0", "desk-7", 9, 2048) == (
        b"<132>1 2026-03-01T09:00:00.123Z desk-7 bargebox-leg 77 headset_lost"
        b' [meta sequenceId="9"] the headset is gone'
    )


def test_what_is_not_known_has_its_mark_and_nothing_breaks_the_line() -> None:
    line = Line("two\nlines\tand\x00more\x9b\x85\u2028", app="a name with spaces", at=AT)
    message = formed(line, "daemon", "", 1, 2048)
    assert message.startswith(b"<30>1 2026-03-01T09:00:00.123Z - a_name_with_spaces - - [")
    assert message.endswith(b" two lines and more")


def test_a_long_text_is_cut_between_letters() -> None:
    message = formed(Line("ä" * 5000, at=AT), "local7", "box", 1, 2048)
    assert len(message) <= 2048
    assert message.decode().endswith("ä…")


@given(st.text(), st.text(), st.text(), st.integers(0, 7), st.integers(300, 9000))
def test_whatever_is_said_it_is_one_message(
    text: str, app: str, kind: str, severity: int, most: int
) -> None:
    line = Line(text, severity, app, "1", kind, AT)
    message = formed(line, "local0", "box", 1, most)
    assert len(message) <= max(most, 300)
    found = FORM.fullmatch(message)
    assert found is not None
    assert not re.search(rb"[\x00-\x1f\x7f]", found[8])
    found[8].decode()


def test_octet_counting() -> None:
    assert framed(b"12345") == b"5 12345"


def test_a_head_is_whole_in_every_way_of_sending() -> None:
    audit = MemoryAudit()
    head = SignedHead.sign(audit._key, 10**9, "f" * 64, cut=10**8, cut_hash="e" * 64)
    for most in (2048, 8192):
        message = formed(head_line(head), "local0", "x" * 255, 2**31 - 1, most)
        assert list(heads_in(message.decode())) == [head]


def test_a_row_goes_without_its_details() -> None:
    row = AuditRow(7, "2026-03-01T09:00:00.000+00:00", "sam", "monitor", "s", "c",
                   '{"customer":"+491701234567"}', "ab" * 32)  # fmt: skip
    assert row_line(row).text == (
        '{"audit_row":{"action":"monitor","actor":"sam","at":"2026-03-01T09:00:00.000+00:00",'
        f'"hash":"{"ab" * 32}","interaction_id":"c","seq":7,"session_id":"s"}}}}'
    )


def test_secrets_and_numbers_stay_and_heads_go_as_they_are() -> None:
    said = clean("from sip:+491701234567@example.org, token=abcdefgh, 00491701234567")
    assert "4917" not in said
    assert "abcdefgh" not in said
    audit = MemoryAudit()
    head = SignedHead.sign(audit._key, 12345678, "1" * 64)
    assert clean(head.line()) == head.line()
    forged = head.line().replace("12345678", "12345679")
    assert clean(forged + " 00491701234567").endswith(" #")


def test_a_text_that_only_begins_costs_no_time() -> None:
    for text in ("sip:" * 8000, "sips:a" * 8000, "password='" * 4000, "1234567-" * 8000):
        begun = time.process_time()
        clean(text)
        assert time.process_time() - begun < 1, text[:9]


def test_odd_lines_of_a_journal() -> None:
    entry = {
        "MESSAGE": [b"not \xff text", "twice"],
        "PRIORITY": 99,
        "_COMM": "kernel",
        "__REALTIME_TIMESTAMP": AT,
    }
    line = line_of(entry)
    assert (line.text, line.severity, line.app) == ("not � text twice", 6, "kernel")
    assert line_of({"__REALTIME_TIMESTAMP": AT}).text == ""


def test_a_place_that_is_none_ends_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is kept in a file, and a thread that fails ends the process, at each start."""
    monkeypatch.setattr(lines, "AGAIN_S", 0.01)
    journal = JournalLines((), tmp_path)
    journal.start(lambda _: False, "garbage")
    assert journal._thread is not None
    journal._thread.join(0.5)
    assert journal._thread.is_alive()
    journal.stop()
    assert not journal._thread.is_alive()
    assert caplog.messages == ["the journal cannot be read: Invalid cursor"]


def test_the_oldest_go_and_are_counted() -> None:
    woken: list[None] = []
    waiting = Waiting(lambda: woken.append(None), 3)
    for number in range(5):
        waiting.add(Line(str(number)))
    assert (len(waiting), waiting.dropped, len(woken)) == (3, 2, 5)
    taken = waiting.take(2)
    assert [line.text for line in taken] == ["2", "3"]
    waiting.add(Line("5"))
    waiting.give_back(taken)
    assert [line.text for line in waiting.take(9)] == ["3", "4", "5"]
    assert waiting.dropped == 3


def test_any_thread_may_add() -> None:
    waiting = Waiting(lambda: None, 1000)

    def add() -> None:
        for number in range(1000):
            waiting.add(Line(str(number)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(waiting) + waiting.dropped == 4000


def test_where_there_is_no_journal_it_is_this_process_s_own() -> None:
    told: list[Line] = []
    own = OwnLines()

    def take(line: Line) -> bool:
        told.append(line)
        return False

    own.start(take, "")
    logging.getLogger("appliance.x").error("said to +491701234567", extra={"CODE": "failed"})
    own.stop()
    logging.getLogger("appliance.x").error("not any more")
    ((line),) = told
    assert (line.text, line.severity, line.kind) == ("said to #", 3, "failed")
    assert line.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"transport": "tls"}, "server"),
        ({"transport": "tls", "server": " "}, "server"),
        ({"transport": "udp", "server": "no host"}, "server"),
        ({"transport": "udp", "server": "0.0.0.0"}, "server"),
        ({"transport": "udp", "server": "a", "port": 0}, "port"),
        ({"transport": "fax", "server": "a"}, "transport"),
        ({"transport": "off", "facility": "kern"}, "facility"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(given: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LogForwarding.model_validate(given)
    assert {str(error["loc"][0]) for error in refused.value.errors()} == {field}


def test_ports_are_those_that_everybody_uses() -> None:
    def at(transport: str, **more: object) -> tuple[str, int]:
        values = {"transport": transport, "server": "Logs.Example.org", **more}
        return LogForwarding.model_validate(values).at

    assert at("udp") == ("logs.example.org", 514)
    assert at("tcp") == ("logs.example.org", 601)
    assert at("tls") == ("logs.example.org", 6514)
    assert at("tls", port=5000) == ("logs.example.org", 5000)
