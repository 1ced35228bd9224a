"""Every finding of the box's health, as the checks really word it, is told in German too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from appliance.console.language import GAP, read_languages
from appliance.console.settings import ConsoleSettings
from appliance.provisioning.health import checks

FOLDER = Path(checks.__file__).parent
GERMAN = read_languages(ConsoleSettings().web_root / "locale")["de"]


def worded(tree: ast.AST) -> list[ast.expr]:
    """The words and suggestions of all findings that are made in it."""
    return [
        argument
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in {"fault", "warning"}
        for argument in call.args[1:3]
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_no_finding_has_words_of_its_own_in_english(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for words in worded(tree):
        assert not isinstance(words, ast.Constant | ast.JoinedStr), ast.unparse(words)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "said":
            text = ast.literal_eval(call.args[0])
            filled = GAP.sub("7", text)
            assert GERMAN.of(filled) not in (None, filled), text


def test_the_checks_are_looked_at() -> None:
    trees = [ast.parse(path.read_text()) for path in FOLDER.glob("[a-z]*.py")]
    assert sum(len(worded(tree)) for tree in trees) >= 40
