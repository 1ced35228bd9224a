"""The form of the platform's settings, made from the settings' own models.

Each field's control, label, help and limits come from its JSON schema, so that a new setting is
on the page as soon as it exists. Secrets are not in it, only whether they are set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from appliance.console import wording
from appliance.console.language import translated
from appliance.platforms.settings import PlatformSettings
from appliance.platforms.withheld import secrets_of, without_secrets

Schema = dict[str, Any]
Control = Literal[
    "text",
    "words",
    "address",
    "path",
    "number",
    "secret",
    "pem",
    "switch",
    "choice",
    "lines",
    "rows",
]


@dataclass(frozen=True, slots=True)
class FormField:
    """One setting on the page."""

    name: str
    """As errors name it: ``asterisk.url``; in a row of several settings only its own part."""
    label: str
    help: list[tuple[str, bool]]
    """Text in pieces, and which of them are code."""
    control: Control
    value: Any = None
    is_set: bool = False
    """Of a secret."""
    choices: tuple[tuple[str, str], ...] = ()
    columns: tuple[FormField, ...] = ()
    """Of rows: the settings in each."""


@dataclass(frozen=True, slots=True)
class FormGroup:
    """Settings that belong together, and may be called as others outside are."""

    name: str
    title: str
    help: list[tuple[str, bool]]
    fields: list[FormField]


@dataclass(frozen=True, slots=True)
class FormSection:
    """One platform's settings; *finer* ones have good defaults."""

    driver: str
    title: str
    about: str
    plain: list[FormField]
    groups: list[FormGroup]
    finer: list[FormField]


def sections(settings: PlatformSettings) -> list[FormSection]:
    """Every platform's part of the form, with the values of *settings*."""
    schema = PlatformSettings.model_json_schema()
    shown, are_set = without_secrets(settings), frozenset(secrets_of(settings))
    found = []
    for driver in schema["properties"]["driver"]["enum"]:
        part = _resolved(schema["properties"][driver], schema["$defs"])
        items = list(items_of(part, shown[driver], f"{driver}.", are_set, schema["$defs"]))
        title, about = map(translated, wording.PLATFORMS.get(driver, (driver, "")))
        groups = [item for item in items if isinstance(item, FormGroup)]
        fields = [item for item in items if isinstance(item, FormField)]
        plain = [field for field in fields if field.control != "number"]
        finer = [field for field in fields if field.control == "number"]
        found.append(FormSection(driver, title, about, plain, groups, finer))
    return found


def items_of(
    model: Schema, values: dict[str, Any], path: str, are_set: frozenset[str], models: Schema
) -> Iterator[FormField | FormGroup]:
    """The settings of a model, those of a section within it as one group."""
    for name, reference in model["properties"].items():
        schema = _resolved(reference, models)
        if "properties" in schema:
            inner = list(_fields(schema, values[name], f"{path}{name}.", are_set, models))
            title = translated(wording.SETTING_GROUPS.get(name, wording.setting(name)))
            yield FormGroup(path + name, title, pieces(schema.get("description", "")), inner)
        else:
            only = {"properties": {name: reference}}
            yield from _fields(only, values, path, are_set, models)


def _fields(
    model: Schema, values: dict[str, Any], path: str, are_set: frozenset[str], models: Schema
) -> Iterator[FormField]:
    for name, reference in model["properties"].items():
        schema = _resolved(reference, models)
        control = control_of(schema, models)
        columns: tuple[FormField, ...] = ()
        if control == "rows":
            row = _resolved(schema["items"], models)
            empty = dict.fromkeys(row["properties"], "")
            columns = tuple(_fields(row, empty, "", frozenset(), models))
        yield FormField(
            name=path + name,
            label=wording.setting(name),
            help=pieces(schema.get("description", "")),
            control=control,
            value=_without_tail(values.get(name)),
            is_set=path + name in are_set,
            choices=tuple(
                (word, translated(wording.CHOICES.get(word, word)))
                for word in schema.get("enum", ())
            ),
            columns=columns,
        )


def control_of(schema: Schema, models: Schema) -> Control:
    """What a setting is typed into. Raises ``ValueError`` for a kind that the form lacks."""
    if "anyOf" in schema:  # a value or none
        (schema,) = (kind for kind in schema["anyOf"] if kind["type"] != "null")
    match schema:
        case {"enum": _}:
            return "choice"
        case {"type": "boolean"}:
            return "switch"
        case {"type": "number" | "integer"}:
            return "number"
        case {"type": "string", "format": "pem"}:
            return "pem"
        case {"type": "string", "format": "password"}:
            return "secret"
        case {"type": "string", "format": "words"}:
            return "words"
        case {"type": "string", "format": "uri"}:
            return "address"
        case {"type": "string", "format": "path"}:
            return "path"
        case {"type": "string"}:
            return "text"
        case {"type": "array", "items": {"type": "string"}}:
            return "lines"
        case {"type": "array", "items": items} if "properties" in _resolved(items, models):
            return "rows"
    raise ValueError(f"the form has no control for {schema}")


def pieces(text: str) -> list[tuple[str, bool]]:
    """A docstring without its markup, in pieces, and which of them are code.

    It is in the visitor's language; the name of another setting is what the form calls it.
    """
    parts = re.split(r"``(.+?)``", translated(" ".join(text.split())))
    return [
        (part if number % 2 else re.sub(r"`(\w+)`", _called, part), number % 2 == 1)
        for number, part in enumerate(parts)
        if part
    ]


def _called(name: re.Match[str]) -> str:
    return f"“{wording.setting(name[1])}”"


def _without_tail(value: Any) -> Any:
    """A number as people write it: 5 and not 5.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _resolved(schema: Schema, models: Schema) -> Schema:
    """The model that is referred to, under the description that its field gives."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return {**models[reference.rpartition("/")[2]], **schema}
