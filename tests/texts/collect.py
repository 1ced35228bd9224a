"""Every English text that a page can show, from the code and from the tables it builds on."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr
from http import HTTPStatus
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po
from pydantic import BaseModel

from appliance import console
from appliance.console.language import DOMAIN, NAMES
from appliance.console.platform_form import FormField, FormGroup, sections
from appliance.console.system_forms import form_of
from appliance.monitoring.reasons import WORDS
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.box.clock import ClockSettings
from appliance.provisioning.box.names import NameSettings
from appliance.provisioning.chosen import ChosenSettings
from appliance.provisioning.first_start.words import NOT_VERIFIED, VERIFIED
from appliance.provisioning.logs.settings import LogForwarding
from appliance.provisioning.network.wired import Wired
from appliance.provisioning.openid.settings import OpenIdSettings
from appliance.service import faults

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "web/locale"
OTHERS = [code for code in NAMES if code != "en"]

IN_PYTHON = {
    "later": None,
    "translated": None,
    "counted": (1, 2),
    "MenuItem": (2,),
    # Errors: their details are said to people.
    "ConsoleError": (3,),
    "Refusal": (2,),
    "RefusedError": None,
    "SignInError": None,
    "AccountError": None,
    "LegUnreachableError": None,
    "FirstStartError": None,
}
OF_FIELDS = {"ValueError": None, "NotChangedError": None}
"""What is wrong with what somebody typed."""
SOURCES: tuple[tuple[str, str, Mapping[str, Any], dict[str, Any]], ...] = (
    ("python", "appliance/console/**/*.py", IN_PYTHON, {}),
    ("python", "appliance/monitoring/**/*.py", IN_PYTHON, {}),
    ("python", "appliance/provisioning/first_start/*.py", IN_PYTHON, {}),
    ("python", "appliance/provisioning/**/*.py", {"said": None}, {}),
    *(
        ("python", f"appliance/provisioning/{room}/*.py", OF_FIELDS, {})
        for room in ("network", "box", "logs", "openid", "reset")
    ),
    ("jinja2.ext:babel_extract", "web/templates/*.html", DEFAULT_KEYWORDS, {"silent": "no"}),
    ("javascript", "web/static/js/*.js", DEFAULT_KEYWORDS, {"parse_template_string": "yes"}),
)
"""Babel's way of reading it, files, functions that mark a text, and options."""

TITLES = (400, 403, 404, 405, 409, 429, 500, 502, 503)
"""Of pages that say what went wrong, by their HTTP status."""

PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}|``.+?``|`\w+`|</?\w+>")
"""What a translation must keep: gaps, code, names of settings, and markup."""


def collect() -> Catalog:
    """The catalogue without translations: each text once, with the files it is in."""
    catalogue = Catalog(project="Bargebox", domain=DOMAIN, charset="utf-8", fuzzy=False)
    for method, pattern, keywords, options in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            place = str(path.relative_to(ROOT))
            # Babel complains of errors whose words are put together: those are said by their code.
            with path.open("rb") as file, redirect_stderr(StringIO()):
                found = [text for _, text, _, _ in extract(method, file, keywords, (), options)]
            for text in found:
                _add(catalogue, place, text)
    for place, text in _tables():
        _add(catalogue, place, text)
    return catalogue


def _add(catalogue: Catalog, place: str, text: str | tuple[str, ...]) -> None:
    if re.search(r"[^\W\d_]", str(text)):
        catalogue.add(text, locations=[(place, 1)])


def read(code: str) -> Catalog:
    """The catalogue as it is kept."""
    with path_of(code).open("rb") as file:
        return read_po(file, locale=code, domain=DOMAIN)


def path_of(code: str) -> Path:
    """Where it is kept."""
    return LOCALE / code / "LC_MESSAGES" / f"{DOMAIN}.po"


def problems(wanted: Catalog, kept: Catalog) -> list[str]:
    """What a translator has to do, one line a text."""
    found = []
    for message in wanted:
        if not message.id:
            continue
        there = kept.get(message.id)
        if there is None or not all(_strings(there)):
            found.append(f"no translation: {message.id!r}")
        elif there.fuzzy:
            found.append(f"only a guess (fuzzy): {message.id!r}")
        else:
            found.extend(_differing(message, there))
    unused = (message for message in kept if message.id and message.id not in wanted)
    found.extend(f"in no file any more: {message.id!r}" for message in unused)
    return found


def _differing(message: Message, there: Message) -> Iterator[str]:
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    allowed = {frozenset(PLACEHOLDER.findall(text)) for text in ids}
    for words in _strings(there):
        if frozenset(PLACEHOLDER.findall(words)) not in allowed:
            yield f"other placeholders: {message.id!r}: {words!r}"


def _strings(message: Message) -> tuple[str, ...]:
    words = message.string or ""
    return (words,) if isinstance(words, str) else tuple(words)


def _tables() -> Iterator[tuple[str, str]]:
    """Texts that are no literal of a call: tables, and what the forms make of settings."""
    for found in pkgutil.iter_modules(console.__path__):
        if found.name.endswith("wording"):
            module = importlib.import_module(f"{console.__name__}.{found.name}")
            for text in _in_tables(module):
                yield f"appliance/console/{found.name}.py", text
    for status in TITLES:
        yield "appliance/console/errors.py", HTTPStatus(status).phrase.capitalize()
    for text in faults._WORDS.values():
        yield "appliance/service/faults.py", text
    for text in WORDS.values():
        yield "appliance/monitoring/reasons.py", text
    for text in (*VERIFIED.values(), *NOT_VERIFIED.values()):
        yield "appliance/provisioning/first_start/words.py", text
    yield from (("appliance/platforms", text) for text in _of_form())


def _in_tables(module: ModuleType) -> Iterator[str]:
    for name, table in vars(module).items():
        if isinstance(table, dict) and name.isupper() and not name.startswith("_"):
            for value in table.values():
                yield from (value,) if isinstance(value, str) else value


FORMS: tuple[type[BaseModel], ...] = (
    Wired,
    NameSettings,
    ClockSettings,
    ChosenSettings,
    OpenIdSettings,
)
"""Models that a form is made of, beside those of the platforms."""


def _of_form() -> Iterator[str]:
    items: list[FormField | FormGroup] = []
    for section in sections(PlatformSettings()):
        items += [*section.plain, *section.finer, *section.groups]
    for form in FORMS:
        items += form_of(form, form.model_construct().model_dump(mode="json"))
    for item in items:
        yield from _of_item(item)
    parts: list[type[BaseModel]] = [*_models(PlatformSettings), LogForwarding]
    for form in FORMS:
        parts += [form, *_models(form)]
    for part in parts:
        yield from _helps(part)


def _of_item(item: FormField | FormGroup) -> Iterator[str]:
    if isinstance(item, FormGroup):
        yield item.title
        parts: Iterable[FormField] = item.fields
    else:
        yield item.label
        yield from (label for _, label in item.choices)
        parts = item.columns
    for part in parts:
        yield from _of_item(part)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
            yield from _models(kind)


def _helps(model: type[BaseModel]) -> Iterator[str]:
    for field in model.model_fields.values():
        words = field.description
        if words is None and isinstance(field.annotation, type):
            # A group of settings is told of by its model where its field says nothing.
            is_group = issubclass(field.annotation, BaseModel)
            words = field.annotation.__doc__ if is_group else None
        if words:
            yield " ".join(words.split())
