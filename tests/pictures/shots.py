"""What is in the set: each page in the menus, and what they lead to, in four looks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

from appliance.console.first_start_wording import STEPS
from appliance.console.menu import FIRST_START, MENU
from appliance.provisioning.first_start.steps import Step
from tests.support.browser import Scheme
from tests.support.past_sessions import past

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = DOCS / "pictures"
SET = DOCS / "pages.md"
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SESSIONS = 600


@dataclass(frozen=True, slots=True)
class Shot:
    """A page, and the words over its pictures."""

    name: str
    address: str
    title: str

    def path(self, scheme: Scheme, size: str) -> Path:
        """The picture's file."""
        return PICTURES / "pages" / f"{self.name}-{scheme}-{size}.png"


def in_service() -> list[Shot]:
    """All pages of a box in service, in the menus' order."""
    of_menu = [
        Shot(item.path.removeprefix("/").replace("/", "-"), item.path, item.label)
        for item in MENU
        if item.path != FIRST_START
    ]
    session = Shot("history-session", f"/history/{past(SESSIONS - 3).id}", "One session")
    return [Shot("sign-in", "/sign-in", "Sign in"), *of_menu, session]


def at_the_first_start() -> list[Shot]:
    """The steps before."""
    return [
        Shot(f"first-start-{step}", f"{FIRST_START}?step={step}", f"First start: {title}")
        for step, (title, _) in STEPS.items()
        if step is not Step.PASSWORD
    ]


def text_of_the_set() -> str:
    """The page of the documentation that shows them all."""
    lines = [
        "# The pages",
        "",
        "Each page on a desk and on a phone, light and dark: `make pictures` takes them from the"
        " running box.",
    ]
    for shot in (*at_the_first_start(), *in_service()):
        looks = product(SIZES, get_args(Scheme))
        pictures = [_picture(shot, scheme, size) for size, scheme in looks]
        lines += ["", f"## {shot.title}", "", *pictures]
    return "\n".join(lines) + "\n"


def _picture(shot: Shot, scheme: Scheme, size: str) -> str:
    to = shot.path(scheme, size).relative_to(DOCS)
    width = 400 if size == "wide" else 160
    return f'<a href="{to}"><img src="{to}" alt="{shot.title}, {scheme}" width="{width}"></a>'
