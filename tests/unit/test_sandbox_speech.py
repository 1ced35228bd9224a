from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from appliance.platforms.sandbox.centre import speech
from appliance.platforms.sandbox.centre.conversation import Conversation
from appliance.platforms.sandbox.centre.script import AGENT_VOICES, CUSTOMER_VOICES, DIALOGUES
from appliance.platforms.sandbox.centre.sound import FRAME, RATE, SILENCE, level
from appliance.platforms.sandbox.centre.speech import Lines, SpeechError, load_lines, make_line


def test_a_line_is_speech_of_the_right_length_and_level() -> None:
    line = make_line(AGENT_VOICES[0], "Good morning, how can I help you?")
    assert RATE < len(line) < 5 * RATE
    assert level(line) == pytest.approx(speech.LEVEL_DBFS + 3, abs=0.5)


def test_voices_differ() -> None:
    lines = {make_line(voice, "Hello").tobytes() for voice in (*AGENT_VOICES, *CUSTOMER_VOICES)}
    assert len(lines) == len(AGENT_VOICES) + len(CUSTOMER_VOICES)


def test_lines_are_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "DIALOGUES", (("Hello.", "Good day."),))
    first = load_lines(tmp_path)
    assert len(first) == len(AGENT_VOICES) + len(CUSTOMER_VOICES)
    monkeypatch.setenv("PATH", "")
    again = load_lines(tmp_path)
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_a_kept_line_that_was_cut_off_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "DIALOGUES", (("Hello.",),))
    whole = load_lines(tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(b"")
    again = load_lines(tmp_path)
    assert all(np.array_equal(whole[key], again[key]) for key in whole)


def test_a_directory_that_cannot_be_written_costs_a_warning_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(speech, "DIALOGUES", (("Hello.",),))
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert load_lines(tmp_path / "file" / "below")
    assert "not kept" in caplog.text


def test_without_espeak_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SpeechError, match="install the package espeak-ng") as caught:
        make_line(AGENT_VOICES[0], "Hello")
    assert caught.value.code == "speech_unavailable"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "could not speak with the voice"),
        ("exit 0", "wrote no sound"),
        ("head -c 4000 /dev/zero", "wrote no sound"),
    ],
)
def test_an_espeak_that_fails_is_an_error_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    broken = tmp_path / "espeak-ng"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SpeechError, match=words):
        make_line(AGENT_VOICES[0], "Hello")


def _tagged_lines() -> Lines:
    """Each line 30.5 frames of one constant."""
    return {
        (voice, text): np.full(FRAME * 61 // 2, number + 1, np.int16)
        for number, text in enumerate(DIALOGUES[0])
        for voice in ("a", "c")
    }


def test_turns_alternate_and_begin_again() -> None:
    conversation = Conversation(_tagged_lines(), 0, "a", "c")
    said: list[tuple[str, int]] = []
    for number in range(3000):
        agent = conversation.frame("agent", number)
        customer = conversation.frame("customer", number)
        assert agent is SILENCE or customer is SILENCE, "they do not talk over each other"
        for side, frame in (("agent", agent), ("customer", customer)):
            assert len(frame) == FRAME
            if frame is not SILENCE and (not said or said[-1][1] != frame[0]):
                said.append((side, int(frame[0])))
    turns = len(DIALOGUES[0])
    assert said[:turns] == [
        ("customer" if turn % 2 else "agent", turn + 1) for turn in range(turns)
    ]
    assert said[turns] == ("agent", 1)


def test_the_last_frame_of_a_line_is_filled_up_with_silence() -> None:
    last = Conversation(_tagged_lines(), 0, "a", "c").frame("agent", 30)
    assert last[0] == 1
    assert last[-1] == 0
