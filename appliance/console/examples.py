"""An example for a shape: the one that its author gave, else one that the shape itself shows."""

from __future__ import annotations

import re
from typing import Any

Schema = dict[str, Any]

_GIVEN = ("example", "const", "default")
_FORMATS = {"date-time": "2026-03-01T09:00:00.000Z", "date": "2026-03-01"}


def example_of(schema: Schema, models: Schema) -> Any:
    """A value for *schema*; *models* are the shapes that it may refer to.

    Of an object's members only those that it must have, and those with an example of their own.
    Raises `LookupError` where only a person knows one, such as for a name.
    """
    schema = resolved(schema, models)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in _GIVEN:
        if schema.get(key) is not None:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        return example_of({"title": schema.get("title", ""), **choice}, models)
    match schema.get("type"):
        case "boolean":
            return True
        case "integer" | "number":
            return _number(schema)
        case "array":
            return [example_of(schema["items"], models)] if schema.get("minItems") else []
        case "object":
            return _object(schema, models)
        case "string":
            return _text(schema)
    raise LookupError(f"{schema.get('title', schema)} shows no example")


def resolved(schema: Schema, models: Schema) -> Schema:
    """The model that is referred to, under what stands beside the reference."""
    reference = schema.get("$ref")
    return schema if reference is None else {**models[reference.rpartition("/")[2]], **schema}


def _text(schema: Schema) -> str:
    """Where nothing else is known, the value's own name: ``{"name": "name"}`` says what it is."""
    named: str = schema.get("title", "").lower().replace(" ", "_")
    text = _FORMATS.get(schema.get("format", ""), named)
    fits = schema.get("minLength", 1) <= len(text) <= schema.get("maxLength", len(text))
    if not fits or not re.search(schema.get("pattern", ""), text):
        raise LookupError(f"{schema.get('title', schema)} shows no example")
    return text


def _number(schema: Schema) -> int | float:
    value: float = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    return int(value) if schema["type"] == "integer" else value


def _object(schema: Schema, models: Schema) -> dict[str, Any]:
    needed = schema.get("required", ())
    return {
        name: example_of(part, models)
        for name, part in schema.get("properties", {}).items()
        if name in needed or resolved(part, models).get("examples")
    }
