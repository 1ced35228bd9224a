"""The documents say what the code does: links, commands, settings, API, end reasons and lamps."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from appliance import cli
from appliance.console import wording
from appliance.console.app import API, FEATURES
from appliance.console.metrics import SOUND
from appliance.console.routes import health
from appliance.control_link.base import IceServer
from appliance.control_link.events import Quality
from appliance.control_link.words import EndReason, Gate, LampPattern
from appliance.leg.indicators import ANNOUNCED, LAMPS, RECOVERY, Indicators, Phase
from appliance.monitoring.reasons import WORDS
from appliance.panel.board import board_names
from appliance.provisioning.health.checks import CHECKS
from appliance.provisioning.health.monitor import UNFINISHED
from appliance.settings import Settings, parse
from tests.pictures import shots
from tests.support.browser import Scheme
from tools.api_reference import reference

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
OPERATIONS = ROOT / "docs/operations.md"
SUPERVISOR = ROOT / "docs/supervisor.md"
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PAGES = [
    README,
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "hardware/README.md",
    ROOT / "image-build/README.md",
    *DECISIONS,
]
PHASE_ROWS = {
    Phase.STARTING: "starting",
    Phase.FAULT: "fault (no headset, or no control process)",
    Phase.IDLE: "idle",
    Phase.JOINING: "joining",
    Phase.LISTENING: "listening (you are muted)",
    Phase.RECONNECTING: "reconnecting (you are muted)",
}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences(page: Path, language: str) -> list[str]:
    """The fenced blocks of *language*, indented ones in a list too."""
    found = re.findall(rf"(?ms)^( *)```{language}\n(.*?)^\1```$", page.read_text())
    return [re.sub(f"(?m)^{indent}", "", text) for indent, text in found]


def rows(page: Path) -> list[list[str]]:
    """All table rows of *page*, cell by cell; an escaped bar separates nothing."""
    lines = (line for line in page.read_text().splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def anchors(page: Path) -> set[str]:
    """The headings of *page* as GitHub names them in addresses."""
    heads = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_pictures_are_shown() -> None:
    for picture in ("docs/pictures/list.png", "docs/pictures/panel.png"):
        assert re.search(rf"!\[.+\]\({picture}\)", README.read_text())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_files_of_the_project_exist(page: Path) -> None:
    tops = "appliance|docs|hardware|image-build|systemd|tests|tools|web"
    for path in re.findall(rf"`((?:{tops})/[\w./-]*)`", page.read_text()):
        assert (ROOT / path).exists(), path


def test_every_command_is_in_the_readme_and_no_other() -> None:
    told = {
        match[1] for cells in rows(README) if (match := re.match(r"`bargebox (\w[\w-]*)", cells[0]))
    }
    assert told == set(cli.COMMANDS)


def example_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in fences(page, "sh"):
            for line in block.splitlines():
                words = line.removeprefix("sudo ")
                if words.startswith("bargebox "):
                    yield name_of(page), words
        for words in re.findall(r"`(bargebox [^`]+)`", page.read_text()):
            yield name_of(page), words


@pytest.mark.parametrize(("page", "words"), sorted(set(example_commands())))
def test_commands_in_examples_are_understood(page: str, words: str) -> None:
    chosen = cli.build_parser().parse_args(shlex.split(words)[1:])
    assert chosen.command in cli.COMMANDS, page


def test_exit_codes_are_told() -> None:
    told = {int(cells[0]) for cells in rows(README) if re.fullmatch(r"\d+", cells[0])}
    assert told >= {0, 1, 2, *cli.EXIT_CODES.values()}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    used = re.findall(r"(?m)(?:`|^ *(?:sudo )?)make ([a-z-]+)", page.read_text())
    assert set(used) <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_in_examples_are_valid(page: Path) -> None:
    documents = re.findall(r"(?s)bargebox\.toml[^\n]*<<'EOF'\n(.*?)\n *EOF", page.read_text())
    if page.name == "bargebox-toml.md":
        return  # another document of that name, which test_site_file_reading.py looks at
    for text in [*fences(page, "toml"), *documents]:
        parse(text, name_of(page))


def fields(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every setting, as ``section.field``."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{path}{name}.")
        else:
            yield path + name


def told(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from told(value, f"{path}{name}.")
        else:
            yield path + name, value


def test_the_readme_shows_every_setting() -> None:
    (example,) = fences(README, "toml")
    assert {name for name, _ in told(tomllib.loads(example))} == set(fields(Settings))
    (server,) = parse(example, "README.md").monitoring.ice_servers
    assert server.model_fields_set == set(IceServer.model_fields)


def test_the_settings_shown_are_the_defaults_or_marked_as_examples() -> None:
    (example,) = fences(README, "toml")
    marked: set[str] = set()
    section = ""
    for line in example.splitlines():
        if head := re.match(r"\[+([\w.]+)\]+", line):
            section = head[1]
            if "# example" in line:
                marked.add(section)
        elif "# example" in line:
            marked.add(f"{section}.{line.split(' ', 1)[0]}")
    given, usual = parse(example, "README.md"), Settings()
    for name in fields(Settings):
        mine, default = value_of(given, name), value_of(usual, name)
        assert (mine != default) == (name in marked), name


def value_of(model: BaseModel, name: str) -> Any:
    value: Any = model
    for part in name.split("."):
        value = getattr(value, part)
    return value


def test_the_api_table_has_every_route_and_no_other() -> None:
    routes = [route for feature in FEATURES for route in feature.router.routes]
    served = {
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    written = re.findall(r"(?m)^\| `((?:GET|POST|PUT|DELETE) [^`]+)`", README.read_text())
    assert set(written) == served
    text = README.read_text()
    outside = {route.path for route in health.router.routes if isinstance(route, APIRoute)}
    assert all(f"`GET {path}`" in text or f"`{path}`" in text for path in outside)
    assert f"`{API}`" in text


def test_every_code_of_the_box_s_health_is_explained() -> None:
    told = {
        code
        for cells in rows(OPERATIONS)
        if len(cells) == 3
        for code in re.findall(r"`([a-z_]+)`", cells[0])
    }
    known = {code for check in CHECKS for code in check.codes}
    assert known | {UNFINISHED} <= told


def test_the_api_reference_is_the_api_s() -> None:
    assert (ROOT / "docs/api.md").read_text() == reference(), "run make api-reference"


def test_every_figure_of_the_sound_is_explained_as_it_is_named() -> None:
    told = {
        cells[0].strip("`"): re.findall(r"`(\w+)`", cells[1])
        for cells in rows(OPERATIONS)
        if cells[0].startswith("`bargebox_leg_")
    }
    assert {name: figures[0] for name, figures in told.items()} == {
        f"bargebox_leg_{name}": figure for name, _, figure, _ in SOUND
    }
    assert {name for figures in told.values() for name in figures} <= set(Quality.model_fields)


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_reason_is_explained(reason: EndReason) -> None:
    (cells,) = (cells for cells in rows(SUPERVISOR) if cells[0] == f"`{reason}`")
    _, says, sound, advice = cells
    assert says == WORDS[reason]
    assert sound
    assert advice


@pytest.mark.parametrize("phase", Phase)
def test_the_lamp_table_is_the_code_s(phase: Phase) -> None:
    (cells,) = (cells for cells in rows(SUPERVISOR) if cells[0] == PHASE_ROWS[phase])
    microphone, status = LAMPS[phase]
    assert cells[1:3] == [wording.LAMPS[microphone], wording.LAMPS[status]]


def test_live_is_told_as_it_is_shown() -> None:
    (cells,) = (cells for cells in rows(SUPERVISOR) if cells[0] == "live (you are heard)")
    panel = Lamps()
    indicators = Indicators(panel, lambda samples: None, lambda: None)
    indicators.show_phase(Phase.LISTENING)
    indicators.show_gate(Gate.OPEN)
    assert cells[1:3] == [wording.LAMPS[panel.microphone], wording.LAMPS[panel.status]]


def test_an_announcement_is_told_as_it_is_shown() -> None:
    told = "a call that you watch for has begun (idle or listening)"
    (cells,) = (cells for cells in rows(SUPERVISOR) if cells[0] == told)
    assert cells[2] == wording.LAMPS[ANNOUNCED]


def test_a_recovery_is_told_as_it_is_shown() -> None:
    told = "a new administrator password can be set"
    (cells,) = (cells for cells in rows(SUPERVISOR) if cells[0].startswith(told))
    assert cells[1:3] == [wording.LAMPS[pattern] for pattern in RECOVERY]


class Lamps:
    """Remembers what was shown last."""

    microphone = status = LampPattern.OFF

    def show(
        self, microphone: LampPattern | None = None, status: LampPattern | None = None
    ) -> None:
        self.microphone = microphone or self.microphone
        self.status = status or self.status


@pytest.mark.parametrize("pattern", LampPattern)
def test_every_lamp_pattern_is_in_the_table(pattern: LampPattern) -> None:
    lamps = {cell for cells in rows(SUPERVISOR) if len(cells) == 4 for cell in cells[1:3]}
    assert wording.LAMPS[pattern] in lamps


def test_the_boards_are_named() -> None:
    for board in board_names():
        for page in (README, ROOT / "hardware/README.md"):
            assert f"`{board}`" in page.read_text(), name_of(page)


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_decisions_are_short(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert len(lines) <= 30
    assert lines[0].startswith(f"# {page.name[:3]} ")


def test_each_page_has_its_pictures() -> None:
    """A new page needs them: ``make pictures``."""
    assert shots.SET.read_text("utf-8") == shots.text_of_the_set()
    for shot in (*shots.at_the_first_start(), *shots.in_service()):
        for size, scheme in product(shots.SIZES, get_args(Scheme)):
            assert shot.path(scheme, size).stat().st_size > 5_000
