"""The command line: what it accepts, where it looks for the box, what it prints."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from appliance.cli import COMMANDS, build_parser, main
from appliance.commands.remote import _plain, _session, _table
from appliance.console.api_client import Access, ApiError, UnreachableError, call, find_access


def test_every_command_has_its_module_and_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        build_parser().parse_args(["--help"])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["monitor"])
    assert left.value.code == 2
    assert "id" in capsys.readouterr().err


def test_access_comes_from_options_then_environment_then_the_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BARGEBOX_URL", raising=False)
    monkeypatch.delenv("BARGEBOX_TOKEN", raising=False)
    local = tmp_path / "cli.json"
    with pytest.raises(UnreachableError, match="does not run here"):
        find_access(None, None, local)
    local.write_text(json.dumps({"url": "http://box:1/", "token": "t"}))
    assert find_access(None, None, local) == Access("http://box:1", "t")
    monkeypatch.setenv("BARGEBOX_URL", "http://env:2")
    monkeypatch.setenv("BARGEBOX_TOKEN", "e")
    assert find_access(None, None, local) == Access("http://env:2", "e")
    assert find_access("http://opt:3", "o", local) == Access("http://opt:3", "o")


def test_a_box_that_does_not_answer_is_said_in_words() -> None:
    with pytest.raises(UnreachableError, match="no answer from"):
        call(Access("http://127.0.0.1:9", "t"), "GET", "/monitoring")


class Box:
    """A box that asks until it has all."""

    def __init__(self) -> None:
        self.came: list[dict[str, object]] = []

    def __call__(self, access: Access, method: str, path: str, body: dict[str, object]) -> object:
        self.came.append(dict(body))
        if not body["reason"]:
            raise ApiError("Say why.\x1b[2J", code="reason_needed")
        if not body["confirmed"]:
            raise ApiError("Only for training.", code="confirmation_needed")
        return {"state": "listening", "muted": True, "interaction": {"id": "c1"}}


def monitor(*options: str) -> int:
    return main(["monitor", "c/1", "--url", "http://box", "--token", "t", *options])


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Box:
    box = Box()
    monkeypatch.setattr("appliance.commands.remote.call", box)
    return box


def sit_at_it(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    terminal = io.StringIO(typed)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)


def test_what_the_site_asks_can_be_given_as_options(
    asking: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    assert monitor("--confirm", "--reason", "Training") == 0
    assert asking.came == [{"confirmed": True, "reason": "Training"}]
    assert "Listening on c1" in capsys.readouterr().out


def test_what_the_site_asks_is_asked_at_a_terminal(
    asking: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sit_at_it(monkeypatch, "Training\nyes\n")
    assert monitor() == 0
    assert asking.came[-1] == {"confirmed": True, "reason": "Training"}
    printed = capsys.readouterr().err
    assert "Say why.?[2J" in printed
    assert "Only for training." in printed


@pytest.mark.parametrize("typed", ["", "\n", "Training\nno\n"])
def test_who_does_not_answer_does_not_listen(
    asking: Box,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
) -> None:
    sit_at_it(monkeypatch, typed)
    assert monitor() == 1
    assert "needed]" in capsys.readouterr().err


def test_a_script_is_refused_and_not_asked(
    asking: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Training\nyes\n"))
    assert monitor() == 1
    assert "[reason_needed]" in capsys.readouterr().err
    assert len(asking.came) == 1


def test_platform_text_cannot_steer_the_terminal() -> None:
    assert _plain("Eve\x1b[2J\n\u202e") == "Eve?[2J??"
    table = _table(("A", "B"), [("x\x07", "y"), ("longer", "z")])
    assert table.splitlines() == ["A       B", "x?      y", "longer  z"]


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ({"state": "idle"}, "Idle."),
        (
            {"state": "idle", "last_end": {"reason": "agent_ended", "detail": "The agent left."}},
            "Idle. The last session ended: The agent left. [agent_ended]",
        ),
        (
            {"state": "listening", "muted": True, "interaction": {"id": "c1"}},
            "Listening on c1; microphone muted.",
        ),
        (
            {"state": "live", "muted": False, "interaction": {"id": "c1"}},
            "Live on c1; microphone OPEN.",
        ),
        (
            {"state": "listening", "muted": None, "interaction": {"id": "c1"}},
            "Listening on c1; microphone unknown.",
        ),
    ],
)
def test_status_words(view: dict[str, object], words: str) -> None:
    assert _session(view) == words
