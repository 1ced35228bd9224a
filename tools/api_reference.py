#!/usr/bin/env python3
"""Write docs/api.md from the API's own description: ``make api-reference``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.console.openapi import describe
from tests.support.console_world import make_world

FILE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
HEAD = """\
# The JSON API

Made by `make api-reference` from the description that each box serves to the signed-in at
`/api/v1/openapi.json` (OpenAPI 3.1), which has the shapes in full. Do not edit it by hand.

"""


def reference() -> str:
    """The whole page."""
    schema = describe(make_world(0).app())
    parts = [HEAD, schema["info"]["description"], "\n"]
    for tag in schema["tags"]:
        operations = [o for o in _operations(schema) if tag["name"] in o[2]["tags"]]
        if operations:
            parts += [f"\n## {tag['name'].capitalize()}\n\n{tag['description']}\n"]
            parts += [_operation(*operation, schema) for operation in operations]
    return "".join(parts)


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _operation(method: str, path: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    lines = [f"\n### {method} {path}\n", operation["description"], ""]
    parameters = operation.get("parameters", ())
    if parameters:
        lines += ["| parameter | in | shape | example |", "|---|---|---|---|"]
        lines += [_parameter(parameter) for parameter in parameters] + [""]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        example = json.dumps(content.get("example"), ensure_ascii=False)
        lines += [f"Body (`{kind}`, {_shape(content['schema'])}), such as:", ""]
        lines += ["```json", example, "```", ""]
    for status, answer in operation["responses"].items():
        if "$ref" not in answer:
            lines.append(f"- {status}: {_answer(answer)}")
    refusals = [status for status, answer in operation["responses"].items() if "$ref" in answer]
    lines.append(f"- refused: {', '.join(sorted(refusals))}")
    return "\n".join(lines) + "\n"


def _parameter(parameter: dict[str, Any]) -> str:
    example = parameter.get("example", "")
    shown = f"`{example}`" if example != "" else ""
    cells = (f"`{parameter['name']}`", parameter["in"], _shape(parameter["schema"]), shown)
    return "| " + " | ".join(cells) + " |"


def _answer(answer: dict[str, Any]) -> str:
    kinds = [
        f"{_shape(c.get('schema', {}))} as `{k}`" for k, c in answer.get("content", {}).items()
    ]
    return ", ".join(kinds) or "nothing"


def _shape(schema: dict[str, Any]) -> str:
    """A shape's name, or the shape itself in a few words; never a bar, which ends a cell."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(_shape(choice) for choice in schema[several])
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value else "nothing" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    limits = [
        f"{words} {schema[name]:g}"
        for name, words in (("minimum", "from"), ("maximum", "to"), ("maxLength", "up to"))
        if name in schema
    ]
    return " ".join([schema.get("type", "anything"), *limits])


if __name__ == "__main__":
    FILE.write_text(reference(), "utf-8")
    print(f"{FILE.name}: {FILE.stat().st_size // 1024} kB")
