"""The box's lines out of a real journal, as they come and where they were left off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.provisioning.logs.lines import PROCESSES, SLOWLY_S, JournalLines
from appliance.provisioning.logs.message import Line
from tests.support.private_journal import PrivateJournal, private_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[PrivateJournal]:
    with private_journal(tmp_path / "run") as journal:
        journal.say("bargebox-leg", "from before")
        journal.until("from before")
        yield journal


class Told(list[Line]):
    """What was handed over."""

    def take(self, line: Line) -> bool:
        self.append(line)
        return False

    def from_now_on(self, journal: PrivateJournal) -> None:
        """Wait until it is read: all that is said later is told, and nothing of before is left."""
        end = time.monotonic() + 10
        said = 0
        while not self:
            assert time.monotonic() < end
            said += 1
            journal.say("bargebox-leg", f"call {said}.")
            time.sleep(0.1)
        self.until(f"call {said}.")
        assert all(line.text.startswith("call ") for line in self)
        self.clear()

    def until(self, text: str) -> None:
        end = time.monotonic() + 10
        while not any(text in line.text for line in self):
            assert time.monotonic() < end, [line.text for line in self]
            time.sleep(0.02)


def test_the_own_processes_lines_from_now_on_without_numbers(journal: PrivateJournal) -> None:
    told, lines = Told(), JournalLines(PROCESSES, journal.journal)
    lines.start(told.take, "")
    told.from_now_on(journal)
    journal.say("sshd", "somebody came in")
    journal.say("bargebox-leg", "the headset is gone", 4)
    journal.say("bargebox-control", "said +491701234567, password=hunter22")
    told.until("said")
    lines.stop()
    assert [(line.app, line.severity, line.text) for line in told] == [
        ("bargebox-leg", 4, "the headset is gone"),
        ("bargebox-control", 6, "said #, password=***"),
    ]
    assert all(line.cursor and line.process for line in told)


def test_the_whole_box_s_lines(journal: PrivateJournal) -> None:
    told, lines = Told(), JournalLines((), journal.journal)
    lines.start(told.take, "")
    told.from_now_on(journal)
    journal.say("sshd", "somebody came in")
    told.until("somebody came in")
    lines.stop()
    assert "sshd" in {line.app for line in told}


def test_the_next_life_goes_on_where_the_former_one_was(journal: PrivateJournal) -> None:
    told, lines = Told(), JournalLines(PROCESSES, journal.journal)
    lines.start(told.take, "")
    told.from_now_on(journal)
    journal.say("bargebox-leg", "first")
    told.until("first")
    lines.stop()
    journal.say("bargebox-leg", "meanwhile")
    journal.say("bargebox-leg", "and again")
    later = JournalLines(PROCESSES, journal.journal)
    more = Told()
    later.start(more.take, told[-1].cursor)
    more.until("and again")
    later.stop()
    assert [line.text for line in more] == ["meanwhile", "and again"]


def test_it_reads_slowly_when_it_gets_tight(journal: PrivateJournal) -> None:
    told, lines = Told(), JournalLines(PROCESSES, journal.journal)
    lines.start(told.take, "")
    told.from_now_on(journal)
    journal.say("bargebox-leg", "first")
    told.until("first")
    lines.stop()
    for number in range(20):
        journal.say("bargebox-leg", f"line {number}.")
    journal.until("line 19.")
    again, later = Told(), JournalLines(PROCESSES, journal.journal)
    begun = time.monotonic()
    later.start(lambda line: again.take(line) or True, told[-1].cursor)
    again.until("line 19.")
    later.stop()
    assert time.monotonic() - begun > 19 * SLOWLY_S


def test_a_journal_that_is_not_there_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = JournalLines(PROCESSES, tmp_path / "none")
    lines.start(Told().take, "")
    end = time.monotonic() + 10
    while "the journal cannot be read" not in caplog.text:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert lines._thread is not None
    assert lines._thread.is_alive()
    lines.stop()
    assert not lines._thread.is_alive(), "it waits for its next try"
